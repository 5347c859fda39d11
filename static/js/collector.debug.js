/*
 * Says on the console what the snippet saw and did, a few words each. The snippet imports it only
 * where Contentsquare's own integrations debug too: with csqDebuggerEnabled=true in the page's
 * address, or window.csqDebuggerEnabled. So it costs other visitors nothing, and needs not be small.
 * It is served at the address of the beacons (GET /v1/sessions), the one that the snippet knows.
 *
 * The snippet calls push() after each command, page view and tick (one a second), with what
 * decides what is sent (`state`, see collector.js), the answer of a request if one was made, and
 * the session. The same is kept in window.sessionCollector.seen, for people at the console and for
 * `collector verify`.
 */

const SILENCE = 10_000; // milliseconds without a callback after which something is wrong
const SOURCES = ["cookie", "meta", "js", "text"];

const WITHHELD = {
  opt_out: 'nothing is sent: the page has said "optOut"',
  gpc: "nothing is sent: this browser asks not to (Global Privacy Control)",
  consent: 'nothing is sent before ["consent", true], because of data-require-consent',
};

/** What there is to see by now; a page may look at it at any time. */
const seen = {
  loaded: true,
  tag: false,
  called: 0,
  session: null,
  keys: {},
  missing: {},
  withheld: null,
  sent: 0,
  answer: null,
  problems: [],
};

const started = Date.now();
const said = {};

/** Says a line once, and again when it has changed. */
function say(topic, line) {
  if (said[topic] === line) return;
  said[topic] = line;
  console.log(`sessionCollector: ${line}`);
}

/** Before it has loaded, window._uxa is a plain array; the tag puts something of its own there. */
function tagIsHere() {
  return Boolean(self._uxa) && self._uxa.push !== Array.prototype.push;
}

function withheldBy(state) {
  if (state.optOut) return "opt_out";
  if (navigator.globalPrivacyControl && !state.gpc) return "gpc";
  return (state.consent ?? state.requireConsent == null) === true ? null : "consent";
}

/** The session as the server will read it: the number is what follows the key's last dot. */
function split({ projectId, sessionKey }) {
  const [userId, number] = String(sessionKey).split(/\.(?=\d+$)/);
  return { projectId, userId, sessionNumber: Number(number) };
}

/** What the server takes for a key: blank text is none. */
function isKey(value) {
  return value != null && String(value).trim() !== "";
}

/** Reads the keys as the snippet does, but says what it cannot read, and what is not there. */
function readKeys(state) {
  const keys = {};
  const missing = {};
  const problems = [];
  for (const [name, rule] of Object.entries(state)) {
    if (!/^key./.test(name) || typeof rule !== "string") continue;
    const kind = name.slice(3).toLowerCase();
    const [source, place] = rule.split(/:(.*)/);
    if (!SOURCES.includes(source) || !place) {
      problems.push(`data-key-${kind}="${rule}" is not cookie:, meta:, js: or text: and a name`);
      continue;
    }
    try {
      keys[kind] = state[source](place).toString();
    } catch (error) {
      if (error instanceof DOMException || error instanceof SyntaxError)
        problems.push(`data-key-${kind}="${rule}" cannot be read: ${error.message}`);
      else missing[kind] = rule;
    }
    if (kind in keys && !isKey(keys[kind])) missing[kind] = rule;
  }
  Object.assign(keys, state.set);
  for (const [kind, value] of Object.entries(keys))
    if (isKey(value)) {
      keys[kind] = String(value);
      delete missing[kind];
    } else delete keys[kind];
  return { keys, missing, problems };
}

/** The answer in plain words, whatever the snippet was given: a response, or none. */
async function read(answer) {
  try {
    const response = await answer; // a request that failed is a promise that rejects
    if (response === true) return { status: 0, code: null, ignored: null };
    if (response instanceof Error) return { error: String(response) };
    return {
      status: response.status,
      code: response.headers.get("X-Collector-Error"),
      ignored: response.headers.get("X-Collector-Ignored"),
    };
  } catch (error) {
    return { error: String(error) };
  }
}

function sayAnswer({ status, code, ignored, error }) {
  if (error) return `not sent, or not answered: ${error}`;
  if (status === 0) return "handed to sendBeacon, which tells no answer";
  if (status < 300) return ignored ? `stored (${status}), but ${ignored}` : `stored (${status})`;
  const what = `refused: ${status} ${code ?? ""}`.trim();
  return status > 428 ? `${what}; again at the next page view` : what;
}

function sayTag() {
  seen.tag = tagIsHere();
  if (seen.called) return;
  if (Date.now() - started < SILENCE)
    say("tag", seen.tag ? "waiting for afterPageView" : "waiting for Contentsquare's tag");
  else if (seen.tag)
    say("tag", "no callback after 10 s: the tag does not track here, or lacks afterPageView");
  else say("tag", "no callback after 10 s: Contentsquare's tag is not on this page");
}

/** What the snippet tells after each thing that happened. */
export async function push(state, answer, session) {
  if (session) {
    seen.called ||= 1;
    seen.session = split(session);
    say("session", `session ${session.sessionKey}, project ${session.projectId}`);
  }
  sayTag();

  const { keys, missing, problems } = readKeys(state);
  Object.assign(seen, { keys, missing, problems });
  for (const problem of problems) say(problem, problem);
  for (const [kind, rule] of Object.entries(missing))
    say(`missing ${kind}`, `no ${kind} yet: ${rule} finds nothing`);
  for (const kind of Object.keys(keys)) delete said[`missing ${kind}`];
  const shown = Object.entries(keys).map(([kind, value]) => `${kind}=${value}`);
  if (shown.length || said.keys) say("keys", `keys ${shown.join(", ") || "none"}`);

  seen.withheld = withheldBy(state);
  if (seen.withheld || said.withheld)
    say("withheld", WITHHELD[seen.withheld] ?? "nothing is withheld any more");

  if (answer === undefined) return;
  const told = await read(answer);
  seen.answer = told;
  if (!(answer instanceof Error)) seen.sent += 1;
  said.answer = null; // each answer is news, the same as before too
  say("answer", sayAnswer(told));
}

say("loaded", "loaded");
self.sessionCollector.seen = seen;
(self._uxa ||= []).push([
  "afterPageView",
  (context) => {
    seen.called += 1;
    if (!context?.sessionKey) say("session", "called back without a session");
  },
]);
