-- Tells mcp-auth at once when somebody is banned, deleted, or signed out everywhere (POST /api/v1/webhooks/supabase).
-- Without it mcp-auth asks by itself and knows within a minute.
--
-- Run it in the SQL editor of the project, after these two lines with values of your own. The secret is the one of
-- MCP_AUTH_WEBHOOK_SECRET: `whsec_` and the output of `openssl rand -base64 32`.
--
--   select vault.create_secret('https://mcp.example.com/api/v1/webhooks/supabase', 'mcp_auth_webhook_url');
--   select vault.create_secret('whsec_...', 'mcp_auth_webhook_secret');

create extension if not exists pg_net;
create extension if not exists pgcrypto with schema extensions;

create schema if not exists mcp_auth;
revoke all on schema mcp_auth from public;

-- One message, signed as Standard Webhooks asks: HMAC-SHA-256 over `id.timestamp.body`.
create or replace function mcp_auth.tell(event_type text, user_id uuid, banned_until timestamptz default null)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  url text := (select decrypted_secret from vault.decrypted_secrets where name = 'mcp_auth_webhook_url');
  secret text := (select decrypted_secret from vault.decrypted_secrets where name = 'mcp_auth_webhook_secret');
  message_id text := 'msg_' || gen_random_uuid();
  sent_at text := floor(extract(epoch from clock_timestamp()))::bigint::text;
  body jsonb := jsonb_build_object('type', event_type, 'user_id', user_id, 'banned_until', banned_until);
  signature bytea;
begin
  if url is null or secret is null then
    raise warning 'mcp_auth: the vault has no mcp_auth_webhook_url or no mcp_auth_webhook_secret';
    return;
  end if;
  signature := extensions.hmac(
    convert_to(message_id || '.' || sent_at || '.' || body::text, 'UTF8'),
    decode(replace(secret, 'whsec_', ''), 'base64'),
    'sha256'
  );
  perform net.http_post(
    url := url,
    body := body,
    headers := jsonb_build_object(
      'content-type', 'application/json',
      'webhook-id', message_id,
      'webhook-timestamp', sent_at,
      'webhook-signature', 'v1,' || encode(signature, 'base64')
    )
  );
exception when others then
  -- Nobody's sign-in may fail because this cannot be told; mcp-auth asks by itself as well.
  raise warning 'mcp_auth: %', sqlerrm;
end;
$$;

create or replace function mcp_auth.user_changed() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  if tg_op = 'DELETE' then
    perform mcp_auth.tell('user.deleted', old.id);
  elsif new.deleted_at is not null then
    perform mcp_auth.tell('user.deleted', new.id);
  else
    perform mcp_auth.tell('user.changed', new.id, new.banned_until);
  end if;
  return null;
end;
$$;

-- Each sign-in at mcp-auth is a session of Supabase, so that somebody who has none left has signed out everywhere.
create or replace function mcp_auth.sessions_ended() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform mcp_auth.tell('user.signed_out', person.id)
  from auth.users as person
  where person.id in (select ended.user_id from ended)
    and not exists (select from auth.sessions where sessions.user_id = person.id);
  return null;
end;
$$;

drop trigger if exists mcp_auth_user_changed on auth.users;
create trigger mcp_auth_user_changed
  after update of banned_until, deleted_at on auth.users
  for each row
  when (old.banned_until is distinct from new.banned_until or old.deleted_at is distinct from new.deleted_at)
  execute function mcp_auth.user_changed();

drop trigger if exists mcp_auth_user_deleted on auth.users;
create trigger mcp_auth_user_deleted
  after delete on auth.users
  for each row
  execute function mcp_auth.user_changed();

drop trigger if exists mcp_auth_sessions_ended on auth.sessions;
create trigger mcp_auth_sessions_ended
  after delete on auth.sessions
  referencing old table as ended
  for each statement
  execute function mcp_auth.sessions_ended();
