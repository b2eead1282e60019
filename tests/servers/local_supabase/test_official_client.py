"""The `supabase` package for Python, unchanged, at the stand-in: it finds what it expects of Supabase."""

import base64
import contextlib
import hmac
import struct
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from supabase import AsyncClientOptions, AuthApiError, Client, ClientOptions, acreate_client, create_client
from supabase_auth.errors import AuthWeakPasswordError
from supabase_auth.types import AuthResponse, Session, User

from servers.local_supabase import DEMO_ACCOUNTS
from tests.servers.local_supabase.wire import Somebody
from tests.support.browser import NO_TLS, forms
from tests.support.gateway import RunningSupabase

USER = DEMO_ACCOUNTS[0]
NO_WAITING = httpx.Limits(max_keepalive_connections=0)


@pytest.fixture
def new_client(supabase: RunningSupabase) -> Iterator[Callable[[], Client]]:
    """Makes clients with the publishable key, each with a session of its own."""
    with contextlib.ExitStack() as opened:

        def make(key: str = supabase.stand_in.publishable_key) -> Client:
            http = opened.enter_context(httpx.Client(verify=NO_TLS, timeout=20, limits=NO_WAITING))
            return create_client(supabase.url, key, ClientOptions(auto_refresh_token=False, httpx_client=http))

        yield make


@pytest.fixture
def client(new_client: Callable[[], Client]) -> Client:
    return new_client()


@pytest.fixture
def service(supabase: RunningSupabase, new_client: Callable[[str], Client]) -> Client:
    """A client with the secret key."""
    return new_client(supabase.stand_in.secret_key)


def sign_in(client: Client, person: Somebody) -> Session:
    return session_of(client.auth.sign_in_with_password({"email": person.email, "password": person.password}))


def session_of(response: AuthResponse) -> Session:
    assert response.session is not None
    return response.session


def user_of(client: Client) -> User:
    response = client.auth.get_user()
    assert response is not None
    return response.user


@contextlib.contextmanager
def refused(code: str, status: int) -> Iterator[None]:
    with pytest.raises(AuthApiError) as caught:
        yield
    assert (caught.value.code, caught.value.status) == (code, status)


# Passwords


def test_password_signs_in(client: Client, person: Somebody) -> None:
    session = sign_in(client, person)
    assert session.user.id == person.id
    assert session.token_type == "bearer"
    assert session.expires_in == 3600
    assert user_of(client).email == person.email


@pytest.mark.parametrize("account", DEMO_ACCOUNTS)
def test_each_demo_account_signs_in(client: Client, account: Somebody) -> None:
    assert sign_in(client, account).user.id == account.id


def test_email_is_the_same_in_upper_case(client: Client, person: Somebody) -> None:
    response = client.auth.sign_in_with_password({"email": person.email.upper(), "password": person.password})
    assert session_of(response).user.id == person.id


def test_wrong_password_and_unknown_person_are_refused_alike(client: Client, person: Somebody) -> None:
    with refused("invalid_credentials", 400):
        client.auth.sign_in_with_password({"email": person.email, "password": "another-password"})
    with refused("invalid_credentials", 400):
        client.auth.sign_in_with_password({"email": "nobody@example.net", "password": "another-password"})
    assert client.auth.get_session() is None


def test_unconfirmed_email_does_not_sign_in(client: Client, new_person: Callable[..., Somebody]) -> None:
    unconfirmed = new_person(email_confirmed=False)
    with refused("email_not_confirmed", 400):
        sign_in(client, unconfirmed)


def test_banned_person_does_not_sign_in(client: Client, new_person: Callable[..., Somebody]) -> None:
    banned = new_person(banned=True)
    with refused("user_banned", 400):
        sign_in(client, banned)


def test_client_with_default_options_signs_in_and_out(supabase: RunningSupabase, person: Somebody) -> None:
    client = create_client(supabase.url, supabase.stand_in.publishable_key)
    with client.auth:
        sign_in(client, person)
        assert user_of(client).id == person.id
        client.auth.sign_out()
        assert client.auth.get_user() is None


async def test_asynchronous_client_signs_in_refreshes_and_signs_out(
    supabase: RunningSupabase, person: Somebody
) -> None:
    async with httpx.AsyncClient(verify=NO_TLS, timeout=20) as http:
        options = AsyncClientOptions(auto_refresh_token=False, httpx_client=http)
        client = await acreate_client(supabase.url, supabase.stand_in.publishable_key, options)
        first = await client.auth.sign_in_with_password({"email": person.email, "password": person.password})
        second = await client.auth.refresh_session()
        assert session_of(second).refresh_token != session_of(first).refresh_token
        claims = await client.auth.get_claims()
        assert claims is not None
        assert claims["claims"]["sub"] == person.id
        await client.auth.sign_out()
        with refused("session_not_found", 403):
            await client.auth.get_user(session_of(second).access_token)


# Signing up


def test_sign_up_makes_an_account_and_signs_in(client: Client, new_email: Callable[[], str]) -> None:
    email = new_email()
    response = client.auth.sign_up(
        {"email": email, "password": "a-good-password", "options": {"data": {"first_name": "Ada"}}}
    )
    made = session_of(response).user
    assert made.email == email
    assert made.user_metadata == {"first_name": "Ada"}
    assert made.app_metadata == {"provider": "email", "providers": ["email"]}
    assert user_of(client).id == made.id


def test_sign_up_by_phone_makes_an_account(client: Client, new_phone: Callable[[], str]) -> None:
    phone = new_phone()
    made = session_of(client.auth.sign_up({"phone": phone, "password": "a-good-password"})).user
    assert (made.phone, made.email) == (phone.removeprefix("+"), "")
    again = client.auth.sign_in_with_password({"phone": phone, "password": "a-good-password"})
    assert session_of(again).user.id == made.id


def test_second_sign_up_with_the_same_email_is_refused(client: Client, person: Somebody) -> None:
    with refused("user_already_exists", 422):
        client.auth.sign_up({"email": person.email, "password": "another-password"})
    assert sign_in(client, person).user.id == person.id


def test_short_password_is_refused_with_its_reasons(client: Client, new_email: Callable[[], str]) -> None:
    with pytest.raises(AuthWeakPasswordError) as caught:
        client.auth.sign_up({"email": new_email(), "password": "short"})
    assert (caught.value.status, caught.value.reasons) == (422, ["length"])


# Refresh tokens


def test_refresh_rotates_the_token_and_keeps_the_session(client: Client, person: Somebody) -> None:
    first = sign_in(client, person)
    second = session_of(client.auth.refresh_session())
    third = session_of(client.auth.refresh_session())
    assert len({first.refresh_token, second.refresh_token, third.refresh_token}) == 3
    ids = {unverified(session.access_token)["session_id"] for session in (first, second, third)}
    assert len(ids) == 1


def test_parent_of_the_active_token_gets_the_same_active_token(client: Client, person: Somebody) -> None:
    first = sign_in(client, person)
    second = session_of(client.auth.refresh_session(first.refresh_token))
    for _ in range(3):
        again = session_of(client.auth.refresh_session(first.refresh_token))
        assert again.refresh_token == second.refresh_token
    assert session_of(client.auth.refresh_session(second.refresh_token)).refresh_token != second.refresh_token


def test_older_token_is_refused_and_ends_the_session(client: Client, person: Somebody) -> None:
    first = sign_in(client, person)
    second = session_of(client.auth.refresh_session(first.refresh_token))
    third = session_of(client.auth.refresh_session(second.refresh_token))
    with refused("refresh_token_already_used", 400):
        client.auth.refresh_session(first.refresh_token)
    with refused("refresh_token_not_found", 400):
        client.auth.refresh_session(third.refresh_token)
    with refused("session_not_found", 403):
        client.auth.get_user(third.access_token)


def test_reuse_in_one_session_leaves_the_others(new_client: Callable[[], Client], person: Somebody) -> None:
    one, other = new_client(), new_client()
    sign_in(other, person)
    first = sign_in(one, person)
    for _ in range(2):
        one.auth.refresh_session()
    with refused("refresh_token_already_used", 400):
        one.auth.refresh_session(first.refresh_token)
    assert session_of(other.auth.refresh_session()).user.id == person.id


def test_unknown_refresh_token_is_refused(client: Client) -> None:
    with refused("refresh_token_not_found", 400):
        client.auth.refresh_session("abcdefghij12")


# One's own account


def test_person_reads_and_changes_their_own_account(
    client: Client, person: Somebody, new_email: Callable[[], str]
) -> None:
    sign_in(client, person)
    email = new_email()
    client.auth.update_user({"data": {"first_name": "Ada"}})
    client.auth.update_user({"email": email, "password": "a-newer-password", "data": {"last_name": "Lovelace"}})
    user = user_of(client)
    assert (user.id, user.email) == (person.id, email)
    assert user.user_metadata == {"first_name": "Ada", "last_name": "Lovelace"}
    with refused("invalid_credentials", 400):
        client.auth.sign_in_with_password({"email": email, "password": person.password})
    assert sign_in(client, Somebody(person.id, email, "a-newer-password")).user.id == person.id


def test_email_of_somebody_else_cannot_be_taken(client: Client, new_person: Callable[[], Somebody]) -> None:
    one, other = new_person(), new_person()
    sign_in(client, one)
    with refused("email_exists", 422):
        client.auth.update_user({"email": other.email})
    assert user_of(client).email == one.email


# Signing out


def test_sign_out_ends_all_sessions(new_client: Callable[[], Client], person: Somebody) -> None:
    one, other = new_client(), new_client()
    access_token = sign_in(one, person).access_token
    sign_in(other, person)
    one.auth.sign_out()
    with refused("session_not_found", 403):
        one.auth.get_user(access_token)
    with refused("session_not_found", 403):
        other.auth.get_user()
    with refused("refresh_token_not_found", 400):
        other.auth.refresh_session()


def test_local_sign_out_ends_only_this_session(new_client: Callable[[], Client], person: Somebody) -> None:
    one, other = new_client(), new_client()
    access_token = sign_in(one, person).access_token
    sign_in(other, person)
    one.auth.sign_out({"scope": "local"})
    with refused("session_not_found", 403):
        one.auth.get_user(access_token)
    assert user_of(other).id == person.id


def test_sign_out_of_the_others_keeps_this_session(new_client: Callable[[], Client], person: Somebody) -> None:
    one, other = new_client(), new_client()
    sign_in(one, person)
    sign_in(other, person)
    one.auth.sign_out({"scope": "others"})
    assert user_of(one).id == person.id
    with refused("session_not_found", 403):
        other.auth.get_user()


def test_sign_out_leaves_other_people_signed_in(
    new_client: Callable[[], Client], new_person: Callable[[], Somebody]
) -> None:
    one, other = new_client(), new_client()
    sign_in(one, new_person())
    sign_in(other, new_person())
    one.auth.sign_out()
    assert user_of(other).email


# Codes and links


def test_code_by_email_signs_in(client: Client, supabase: RunningSupabase, person: Somebody) -> None:
    client.auth.sign_in_with_otp({"email": person.email})
    code = supabase.stand_in.messages[person.email]["code"]
    response = client.auth.verify_otp({"email": person.email, "token": code, "type": "email"})
    assert session_of(response).user.id == person.id


def test_code_by_text_message_makes_an_account(
    client: Client, supabase: RunningSupabase, new_phone: Callable[[], str]
) -> None:
    phone = new_phone()
    assert client.auth.sign_in_with_otp({"phone": phone}).message_id
    code = supabase.stand_in.messages[phone.removeprefix("+")]["code"]
    user = session_of(client.auth.verify_otp({"phone": phone, "token": code, "type": "sms"})).user
    assert user.phone == phone.removeprefix("+")
    assert user.phone_confirmed_at is not None
    assert user.app_metadata["provider"] == "phone"


def test_code_confirms_the_email_of_a_new_account(
    client: Client, supabase: RunningSupabase, new_email: Callable[[], str]
) -> None:
    email = new_email()
    client.auth.sign_in_with_otp({"email": email, "options": {"data": {"first_name": "Ada"}}})
    code = supabase.stand_in.messages[email]["code"]
    user = session_of(client.auth.verify_otp({"email": email, "token": code, "type": "email"})).user
    assert user.email_confirmed_at is not None
    assert user.user_metadata == {"first_name": "Ada"}


def test_code_works_once(client: Client, supabase: RunningSupabase, person: Somebody) -> None:
    client.auth.sign_in_with_otp({"email": person.email})
    code = supabase.stand_in.messages[person.email]["code"]
    client.auth.verify_otp({"email": person.email, "token": code, "type": "email"})
    with refused("otp_expired", 403):
        client.auth.verify_otp({"email": person.email, "token": code, "type": "email"})


def test_newer_code_replaces_the_older(client: Client, supabase: RunningSupabase, person: Somebody) -> None:
    client.auth.sign_in_with_otp({"email": person.email})
    older = supabase.stand_in.messages[person.email]["token_hash"]
    client.auth.sign_in_with_otp({"email": person.email})
    newer = supabase.stand_in.messages[person.email]["token_hash"]
    with refused("otp_expired", 403):
        client.auth.verify_otp({"token_hash": older, "type": "email"})
    assert session_of(client.auth.verify_otp({"token_hash": newer, "type": "email"})).user.id == person.id


def test_code_can_be_asked_for_without_making_accounts(client: Client, new_email: Callable[[], str]) -> None:
    with refused("otp_disabled", 422):
        client.auth.sign_in_with_otp({"email": new_email(), "options": {"should_create_user": False}})


def test_link_in_a_mail_brings_a_code_that_only_the_asking_client_can_exchange(
    new_client: Callable[[], Client], supabase: RunningSupabase, person: Somebody
) -> None:
    asking, other = new_client(), new_client()
    redirect_to = "http://127.0.0.1:3000/back?from=mail"
    asking.auth.sign_in_with_otp({"email": person.email, "options": {"email_redirect_to": redirect_to}})
    link = supabase.stand_in.messages[person.email]["link"]
    location = httpx.get(link, verify=NO_TLS).headers["location"]
    answer = parse_qs(urlsplit(location).query)
    assert answer["from"] == ["mail"]
    (code,) = answer["code"]
    with refused("bad_code_verifier", 400):
        other.auth.exchange_code_for_session({"auth_code": code, "code_verifier": "w" * 43})
    exchanged = asking.auth.exchange_code_for_session({"auth_code": code})
    assert session_of(exchanged).user.id == person.id


def test_recovery_link_lets_a_password_be_replaced(client: Client, supabase: RunningSupabase, person: Somebody) -> None:
    client.auth.reset_password_for_email(person.email)
    message = supabase.stand_in.messages[person.email]
    assert message["type"] == "recovery"
    client.auth.verify_otp({"token_hash": message["token_hash"], "type": "recovery"})
    client.auth.update_user({"password": "a-newer-password"})
    assert sign_in(client, Somebody(person.id, person.email, "a-newer-password")).user.id == person.id


def test_nothing_is_sent_to_an_unknown_address_that_forgot_its_password(
    client: Client, supabase: RunningSupabase, new_email: Callable[[], str]
) -> None:
    email = new_email()
    client.auth.reset_password_for_email(email)
    assert email not in supabase.stand_in.messages


# Social sign-in


def continue_as_user(url: str) -> str:
    """Go to the pretend provider, press the first demo person's button. → where the browser is sent then."""
    with httpx.Client(verify=NO_TLS) as browser:
        page = browser.get(url, follow_redirects=True)
        (form,) = forms(page)
        assert ("code", USER.id) in form.choices
        returned = browser.get(form.action, params={**form.fields, "code": USER.id})
    return str(returned.headers["location"])


def test_social_sign_in_comes_back_with_a_code_for_a_session(client: Client) -> None:
    url = client.auth.sign_in_with_oauth(
        {"provider": "github", "options": {"redirect_to": "http://127.0.0.1:3000/back"}}
    ).url
    location = continue_as_user(url)
    assert location.startswith("http://127.0.0.1:3000/back?code=")
    (code,) = parse_qs(urlsplit(location).query)["code"]
    response = client.auth.exchange_code_for_session({"auth_code": code})
    session = session_of(response)
    assert session.user.id == USER.id
    assert session.provider_token
    assert session.user.app_metadata["providers"] == ["email", "github"]
    (entry,) = unverified(session.access_token)["amr"]
    assert (entry["method"], entry["provider"]) == ("oauth", "github")


def test_code_of_a_social_sign_in_works_once(client: Client) -> None:
    location = continue_as_user(client.auth.sign_in_with_oauth({"provider": "github"}).url)
    (code,) = parse_qs(urlsplit(location).query)["code"]
    verifier = client.auth._storage.get_item(f"{client.auth._storage_key}-code-verifier")
    assert verifier is not None
    client.auth.exchange_code_for_session({"auth_code": code, "code_verifier": verifier})
    with refused("flow_state_not_found", 404):
        client.auth.exchange_code_for_session({"auth_code": code, "code_verifier": verifier})


def test_social_sign_in_without_pkce_comes_back_with_a_session(supabase: RunningSupabase) -> None:
    with httpx.Client(verify=NO_TLS) as http:
        options = ClientOptions(auto_refresh_token=False, httpx_client=http, flow_type="implicit")
        client = create_client(supabase.url, supabase.stand_in.publishable_key, options)
        location = continue_as_user(client.auth.sign_in_with_oauth({"provider": "github"}).url)
        client.auth.initialize_from_url(location)
        assert user_of(client).id == USER.id


# Second factors


def totp_of(secret: str, now: float) -> str:
    """RFC 6238, of six digits and thirty seconds."""
    digest = hmac.digest(base64.b32decode(secret), struct.pack(">Q", int(now // 30)), "sha1")
    (number,) = struct.unpack_from(">I", digest, digest[-1] & 0xF)
    return str((number & 0x7FFFFFFF) % 10**6).zfill(6)


def enrolled(client: Client) -> tuple[str, str]:
    """A new factor. → its id and secret."""
    factor = client.auth.mfa.enroll({"factor_type": "totp", "friendly_name": "telephone", "issuer": "test"})
    assert factor.totp is not None
    assert factor.totp.uri.startswith("otpauth://totp/")
    return factor.id, factor.totp.secret


def test_totp_raises_the_session_to_aal2(client: Client, supabase: RunningSupabase, person: Somebody) -> None:
    first = sign_in(client, person)
    assert unverified(first.access_token)["aal"] == "aal1"
    factor_id, secret = enrolled(client)
    code = totp_of(secret, supabase.stand_in.context.clock().timestamp())
    client.auth.mfa.challenge_and_verify({"factor_id": factor_id, "code": code})
    raised = client.auth.get_session()
    assert raised is not None
    claims = unverified(raised.access_token)
    assert claims["aal"] == "aal2"
    assert [entry["method"] for entry in claims["amr"]] == ["totp", "password"]
    assert claims["session_id"] == unverified(first.access_token)["session_id"]
    level = client.auth.mfa.get_authenticator_assurance_level()
    assert (level.current_level, level.next_level) == ("aal2", "aal2")
    assert [factor.id for factor in client.auth.mfa.list_factors().totp] == [factor_id]
    refreshed = session_of(client.auth.refresh_session())
    assert unverified(refreshed.access_token)["aal"] == "aal2"


def test_refresh_token_from_before_the_second_factor_is_the_parent_of_the_active_one(
    client: Client, supabase: RunningSupabase, person: Somebody
) -> None:
    first = sign_in(client, person)
    factor_id, secret = enrolled(client)
    code = totp_of(secret, supabase.stand_in.context.clock().timestamp())
    raised = client.auth.mfa.challenge_and_verify({"factor_id": factor_id, "code": code})
    again = session_of(client.auth.refresh_session(first.refresh_token))
    assert again.refresh_token == raised.refresh_token
    assert unverified(again.access_token)["aal"] == "aal2"


def test_wrong_totp_code_leaves_the_session_at_aal1(
    client: Client, supabase: RunningSupabase, person: Somebody
) -> None:
    sign_in(client, person)
    factor_id, secret = enrolled(client)
    challenge = client.auth.mfa.challenge({"factor_id": factor_id})
    an_hour_ago = totp_of(secret, supabase.stand_in.context.clock().timestamp() - 3600)
    with refused("mfa_verification_failed", 422):
        client.auth.mfa.verify({"factor_id": factor_id, "challenge_id": challenge.id, "code": an_hour_ago})
    assert unverified(session_of(client.auth.refresh_session()).access_token)["aal"] == "aal1"
    assert client.auth.mfa.list_factors().totp == []


def test_factor_of_somebody_else_is_not_found(
    new_client: Callable[[], Client], new_person: Callable[[], Somebody]
) -> None:
    one, other = new_client(), new_client()
    sign_in(one, new_person())
    sign_in(other, new_person())
    factor_id, _ = enrolled(one)
    with refused("mfa_factor_not_found", 404):
        other.auth.mfa.challenge({"factor_id": factor_id})
    with refused("mfa_factor_not_found", 404):
        other.auth.mfa.unenroll({"factor_id": factor_id})
    assert one.auth.mfa.unenroll({"factor_id": factor_id}).id == factor_id
    assert one.auth.mfa.list_factors().all == []


# Administration


def test_administrator_creates_reads_changes_and_deletes(
    client: Client, service: Client, new_email: Callable[[], str]
) -> None:
    email = new_email()
    created = service.auth.admin.create_user(
        {
            "email": email,
            "password": "a-good-password",
            "email_confirm": True,
            "user_metadata": {"first_name": "Ada"},
            "app_metadata": {"team": "engines"},
        }
    ).user
    assert created.app_metadata == {"provider": "email", "providers": ["email"], "team": "engines"}
    assert sign_in(client, Somebody(created.id, email, "a-good-password")).user.id == created.id
    changed = service.auth.admin.update_user_by_id(created.id, {"user_metadata": {"last_name": "Lovelace"}}).user
    assert changed.user_metadata == {"first_name": "Ada", "last_name": "Lovelace"}
    assert service.auth.admin.get_user_by_id(created.id).user == changed
    service.auth.admin.delete_user(created.id)
    with refused("user_not_found", 404):
        service.auth.admin.get_user_by_id(created.id)
    with refused("user_not_found", 403):
        client.auth.get_user()
    with refused("user_not_found", 404):
        service.auth.admin.delete_user(created.id)


def test_account_that_an_administrator_made_is_unconfirmed_unless_they_say_so(
    client: Client, service: Client, new_email: Callable[[], str]
) -> None:
    email = new_email()
    created = service.auth.admin.create_user({"email": email, "password": "a-good-password"}).user
    with refused("email_not_confirmed", 400):
        sign_in(client, Somebody(created.id, email, "a-good-password"))
    service.auth.admin.update_user_by_id(created.id, {"email_confirm": True})
    assert sign_in(client, Somebody(created.id, email, "a-good-password")).user.id == created.id


def test_account_with_only_a_phone_is_of_the_phone_provider(service: Client, new_phone: Callable[[], str]) -> None:
    created = service.auth.admin.create_user({"phone": new_phone(), "phone_confirm": True}).user
    assert created.app_metadata == {"provider": "phone", "providers": ["phone"]}
    assert created.phone_confirmed_at is not None


def test_administrator_cannot_give_an_email_twice(service: Client, new_person: Callable[[], Somebody]) -> None:
    one, other = new_person(), new_person()
    with refused("email_exists", 422):
        service.auth.admin.create_user({"email": one.email})
    with refused("email_exists", 422):
        service.auth.admin.update_user_by_id(other.id, {"email": one.email})
    assert service.auth.admin.update_user_by_id(one.id, {"email": one.email}).user.email == one.email


def test_list_of_accounts_comes_in_pages(service: Client, new_person: Callable[[], Somebody]) -> None:
    made = {new_person().id for _ in range(3)}
    everybody = [user.id for user in service.auth.admin.list_users(page=1, per_page=1000)]
    assert made <= set(everybody)
    assert [user.id for user in service.auth.admin.list_users(page=2, per_page=2)] == everybody[2:4]


def test_ban_ends_what_a_person_can_do_until_it_is_lifted(client: Client, service: Client, person: Somebody) -> None:
    session = sign_in(client, person)
    service.auth.admin.update_user_by_id(person.id, {"ban_duration": "24h"})
    with refused("user_banned", 400):
        sign_in(client, person)
    with refused("user_banned", 400):
        client.auth.refresh_session(session.refresh_token)
    with refused("user_banned", 403):
        client.auth.get_user(session.access_token)
    service.auth.admin.update_user_by_id(person.id, {"ban_duration": "none"})
    assert sign_in(client, person).user.id == person.id


def test_softly_deleted_person_is_gone_for_everybody_but_the_administrator(
    client: Client, service: Client, person: Somebody
) -> None:
    session = sign_in(client, person)
    service.auth.admin.delete_user(person.id, should_soft_delete=True)
    remains = service.auth.admin.get_user_by_id(person.id).user
    assert remains.user_metadata == {}
    assert remains.email != person.email
    with refused("invalid_credentials", 400):
        sign_in(client, person)
    with refused("user_not_found", 403):
        client.auth.get_user(session.access_token)
    service.auth.admin.delete_user(person.id, should_soft_delete=True)


def test_administrator_signs_somebody_out(client: Client, service: Client, person: Somebody) -> None:
    session = sign_in(client, person)
    service.auth.admin.sign_out(session.access_token)
    with refused("session_not_found", 403):
        client.auth.get_user()


def test_publishable_key_administers_nothing(client: Client) -> None:
    with refused("not_admin", 403):
        client.auth.admin.list_users()


# Access tokens


def unverified(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def test_claims_are_verified_with_the_published_keys(client: Client, person: Somebody) -> None:
    session = sign_in(client, person)
    response = client.auth.get_claims()
    assert response is not None
    assert response["claims"]["sub"] == person.id
    assert response["headers"]["alg"] == "ES256"
    keys = httpx.get(f"{client.auth._url}/.well-known/jwks.json", verify=NO_TLS).json()["keys"]
    header = jwt.get_unverified_header(session.access_token)
    (key,) = (key for key in keys if key["kid"] == header["kid"])
    claims = jwt.decode(
        session.access_token,
        jwt.PyJWK(key).key,
        algorithms=["ES256"],
        audience="authenticated",
        issuer=client.auth._url,
        options={"require": ["iss", "sub", "aud", "exp", "iat", "session_id"]},
    )
    assert claims == response["claims"]


def test_client_sees_through_a_changed_access_token(client: Client, new_person: Callable[[], Somebody]) -> None:
    one, other = (sign_in(client, new_person()).access_token.split(".") for _ in range(2))
    with pytest.raises(Exception, match="Invalid JWT signature"):
        client.auth.get_claims(".".join([one[0], other[1], one[2]]))
