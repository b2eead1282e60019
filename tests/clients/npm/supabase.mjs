// A program with supabase-js: signs in, refreshes, looks at its token, signs out.
//
// node supabase.mjs <url of Supabase> <publishable key> <email> <password>
// Standard output, one JSON value: what each step came to; an error as {name, status, code}.

import { createClient } from "@supabase/supabase-js";

const [url, key, email, password] = process.argv.slice(2);
const seen = [];
const supabase = createClient(url, key, {
  auth: { autoRefreshToken: false },
  global: {
    fetch: (input, init) => {
      seen.push(new URL(input).pathname);
      return fetch(input, init);
    },
  },
  // Nothing here is real time, and older versions of Node.js have no WebSocket.
  realtime: { transport: class {} },
});
const { auth } = supabase;

const outcome = ({ data, error }) =>
  error ? { error: { name: error.name, status: error.status, code: error.code } } : (data ?? {});

const told = {};
told.wrongPassword = outcome(await auth.signInWithPassword({ email, password: `not ${password}` }));
told.signIn = outcome(await auth.signInWithPassword({ email, password }));
told.user = outcome(await auth.getUser());
told.claims = outcome(await auth.getClaims());
told.forged = outcome(await auth.getClaims(told.signIn.session.access_token.slice(0, -8) + "AAAAAAAA"));
told.refreshed = outcome(await auth.refreshSession());
told.again = outcome(await auth.refreshSession({ refresh_token: told.signIn.session.refresh_token }));
told.signOut = outcome(await auth.signOut());
told.session = outcome(await auth.getSession());
told.userAfterwards = outcome(await auth.getUser(told.again.session.access_token));
told.refreshAfterwards = outcome(await auth.refreshSession({ refresh_token: told.again.session.refresh_token }));
told.seen = seen;
process.stdout.write(JSON.stringify(told) + "\n");
