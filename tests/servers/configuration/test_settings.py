"""Settings come from MCP_AUTH_… variables and mcp-auth.toml; what is wrong is one sentence that says what to set."""

from pathlib import Path

import pytest

from servers.configuration.loading import UnusableSettings, load, load_command_settings, unknown_variables
from servers.configuration.settings import GatewaySettings
from tests.support.gateway import SECRET

COMPLETE = {
    "MCP_AUTH_PUBLIC_URL": "https://mcp.example.com",
    "MCP_AUTH_SECRET": SECRET,
    "MCP_AUTH_SUPABASE_URL": "https://abc.supabase.co",
    "MCP_AUTH_SUPABASE_PUBLISHABLE_KEY": "sb_publishable_1",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in COMPLETE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)


def refusal() -> str:
    with pytest.raises(UnusableSettings) as refused:
        load()
    return str(refused.value)


def test_four_settings_are_enough() -> None:
    settings = load()
    assert settings.database_url == "sqlite:///mcp-auth.sqlite"
    assert settings.name == "mcp.example.com"
    assert settings.authorization_server().access_token_lifetime.total_seconds() == 1800


# RFC 9110 §4.2.3: a host's name has no case, and what is compared with it is in lower case.
def test_hosts_of_clients_may_be_written_in_upper_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_AUTH_CLIENT_DOCUMENT_HOSTS", "Claude.ai, chatgpt.com")
    monkeypatch.setenv("MCP_AUTH_REGISTRATION_REDIRECT_HOSTS", "App.Example, LOCALHOST, Com.Example.App:")
    server = load().authorization_server()
    assert server.documents.admits("claude.ai")
    assert not server.documents.admits("vscode.dev")
    assert server.registration.redirect_hosts == frozenset({"app.example", "localhost", "com.example.app:"})


@pytest.mark.parametrize("name", COMPLETE)
def test_setting_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(name)
    sentence = refusal()
    assert sentence.startswith(f"{name} is not set. ")
    assert "\n" not in sentence


def test_everything_that_is_missing_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in COMPLETE:
        monkeypatch.delenv(name)
    assert len(refusal().splitlines()) == len(COMPLETE)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("PUBLIC_URL", "http://mcp.example.com", "is plain http: set it to an https address"),
        ("PUBLIC_URL", "https://mcp.example.com/", "must be lower case, without path"),
        ("PUBLIC_URL", "https://mcp.example.com/base", "must be lower case, without path"),
        ("PUBLIC_URL", "https://MCP.example.com", "must be lower case, without path"),
        ("PUBLIC_URL", "https://user@mcp.example.com", "must be lower case, without path"),
        ("PUBLIC_URL", "https://mcp.example.com:443", "names the port that its scheme implies"),
        ("PUBLIC_URL", "https://mcp.example.com:x", "is not a URL"),
        ("PUBLIC_URL", "mcp.example.com", "is not a web address"),
        ("PUBLIC_URL", "", "is not a web address"),
        ("SUPABASE_URL", "http://abc.supabase.co", "is plain http"),
        ("SIGN_UP_URL", "http://localhost.evil.example/x", "is not a web address: set it to an https address"),
        ("SIGN_UP_URL", "https:///x", "is not a web address"),
        ("PASSWORD_RESET_URL", "javascript:alert(1)", "is not a web address"),
        ("SECRET", "short", "is too weak: set it to the output of `openssl rand -base64 48`"),
        ("SECRET", "a" * 64, "is too weak"),
        ("SECRET", f"{SECRET},weak", "is too weak"),
        ("SECRET", " , ", "is empty"),
        ("SUPABASE_PUBLISHABLE_KEY", " ", "is empty"),
        ("SUPABASE_JWT_SECRET", "short", "is shorter than 32 characters"),
        ("API_KEYS", "a" * 40, "has a key without a name"),
        ("API_KEYS", "billing:short", "has a key without a name, or a short one"),
        ("API_KEYS", f"billing:{'a' * 32},billing:{'b' * 32}", "has two keys of one name"),
        ("PORT", "70000", "is wrong"),
        ("TRUSTED_PROXY_HOPS", "-1", "is wrong"),
        ("AUTHORIZATION_CODE_LIFETIME_SECONDS", "0", "is wrong"),
        ("AUTHORIZATION_CODE_LIFETIME_SECONDS", "3600", "is wrong"),
        ("ACCESS_TOKEN_LIFETIME_SECONDS", "an hour", "is wrong"),
        ("TOOLS", "os.system('true')", "is wrong"),
    ],
)
def test_setting_that_is_unsafe_or_wrong_is_refused_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(f"MCP_AUTH_{name}", value)
    told = refusal()
    assert told.startswith(f"MCP_AUTH_{name} {sentence}")
    assert told.endswith(".")


def test_no_refusal_repeats_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_AUTH_SECRET", "a-canary-thats-weak")
    monkeypatch.setenv("MCP_AUTH_SUPABASE_SECRET_KEY", "sb_publishable_1")
    assert "a-canary-thats-weak" not in refusal()


def test_the_two_supabase_keys_may_not_be_mixed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_AUTH_SUPABASE_SECRET_KEY", "sb_publishable_1")
    assert refusal() == "MCP_AUTH_SUPABASE_SECRET_KEY is the publishable key: set it to the secret one."


def test_captcha_needs_both_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_AUTH_CAPTCHA_PROVIDER", "turnstile")
    assert "belong together" in refusal()


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000"])
def test_plain_http_is_for_this_machine(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("MCP_AUTH_PUBLIC_URL", url)
    assert load().public_url == url


def test_several_secrets_are_for_rotation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_AUTH_SECRET", f"new-{SECRET}, {SECRET}")
    assert load().root_secrets == (f"new-{SECRET}", SECRET)


def test_file_gives_what_the_environment_does_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "mcp-auth.toml").write_text('service_name = "Acme"\nport = 9000\n')
    monkeypatch.setenv("MCP_AUTH_PORT", "9001")
    settings = load()
    assert (settings.service_name, settings.port) == ("Acme", 9001)


def test_misspelt_setting_in_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mcp-auth.toml").write_text('pubic_url = "https://x.example"\n')
    assert refusal() == "mcp-auth.toml has a setting that does not exist: pubic_url."


def test_file_that_is_no_toml_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "mcp-auth.toml").write_text("port =\n")
    assert refusal().startswith("mcp-auth.toml is not TOML: ")


def test_misspelt_variable_is_noticed() -> None:
    assert unknown_variables({"MCP_AUTH_SECRETS": "x", "MCP_AUTH_SECRET": "x", "PATH": "/"}) == ["MCP_AUTH_SECRETS"]


def test_settings_of_commands_need_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in COMPLETE:
        monkeypatch.delenv(name)
    assert load_command_settings().database_url == "sqlite:///mcp-auth.sqlite"


def test_settings_that_are_printed_show_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_AUTH_SUPABASE_SECRET_KEY", "sb_secret_canary")
    printed = repr(load())
    assert SECRET not in printed
    assert "sb_secret_canary" not in printed


@pytest.mark.parametrize("name", sorted(GatewaySettings.model_fields))
def test_every_setting_says_what_it_is(name: str) -> None:
    assert GatewaySettings.model_fields[name].description
