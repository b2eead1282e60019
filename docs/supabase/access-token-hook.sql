-- Lets session tokens of your own app be used at /mcp: it adds the address of the MCP server to their audience.
-- You do not need it for assistants, which get tokens from mcp-auth itself. Whoever has such a session token can call
-- the tools of /mcp with it; tokens that were given to third-party apps and anonymous sessions are left as they are.
--
-- Put the address of your own server below, run it in the SQL editor of the project, and choose the function in the
-- dashboard under Authentication, Hooks, Customize Access Token.

create or replace function public.mcp_auth_access_token(event jsonb) returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
declare
  resource constant text := 'https://mcp.example.com/mcp';
  claims jsonb := event -> 'claims';
  audience jsonb := claims -> 'aud';
begin
  if claims ? 'client_id' or coalesce((claims ->> 'is_anonymous')::boolean, true) then
    return event;
  end if;
  if jsonb_typeof(audience) <> 'array' then
    audience := jsonb_build_array(audience);
  end if;
  if not audience ? resource then
    audience := audience || to_jsonb(resource);
  end if;
  return jsonb_set(event, '{claims,aud}', audience);
end;
$$;

grant usage on schema public to supabase_auth_admin;
grant execute on function public.mcp_auth_access_token to supabase_auth_admin;
revoke execute on function public.mcp_auth_access_token from authenticated, anon, public;
