// Sessions, tokens and links of the mock: the same answers as the server, kept in memory, nothing hashed.
import { randomBytes, randomUUID } from "node:crypto";

const key = () => randomBytes(16).toString("base64url");
const TRIES_MAX = 5;

export class Access {
  constructor(password) {
    this.password = password;
    this.oneTime = key();
    this.sessions = new Map();
    this.tokens = [];
    this.links = [];
    this.failures = 0;
  }

  sessionOf(request, asked) {
    const passwordSet = this.password !== "";
    const link = this.links.find((one) => one.key === asked.get("link"));
    const cookie = /(?:^|;\s*)onepixel_session=([^;]+)/.exec(request.headers.cookie ?? "")?.[1];
    const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];
    const token = this.tokens.find((one) => one.token === bearer);
    if (token) token.last_used_ms = Date.now();
    if (link) return { signed_in: true, scope: "public", site: link.site, password_set: passwordSet };
    const scope = token?.scope ?? this.sessions.get(cookie) ?? null;
    return { signed_in: scope !== null, scope, site: null, password_set: passwordSet };
  }

  /** True when the path was one of access, which has then been answered. */
  async handle(path, request, given, asked, answer) {
    const [name, id] = path.split("/");
    if (!["session", "password", "tokens", "links"].includes(name)) return false;
    const session = this.sessionOf(request, asked);
    const body = given ? JSON.parse(given) : {};
    if (name === "session" && request.method === "GET") return answer(200, session), true;
    if (request.method !== "GET" && request.headers["x-onepixel-csrf"] !== "1") return answer(403, { error: "the header X-Onepixel-Csrf is missing" }), true;
    if (name === "session" && request.method === "POST") return this.signIn(body, answer), true;
    if (!session.signed_in) return answer(401, { error: "not signed in" }), true;
    if (name === "session") {
      this.sessions.delete(/onepixel_session=([^;]+)/.exec(request.headers.cookie ?? "")?.[1]);
      return answer(204), true;
    }
    if (session.scope !== "admin") return answer(403, { error: "this needs an admin sign-in" }), true;
    if (name === "password") {
      if ([...(body.password ?? "")].length < 12) return answer(400, { error: "password: at least 12 characters" }), true;
      this.password = body.password;
      return answer(204), true;
    }
    return this.list(name, id, request.method, body, answer), true;
  }

  signIn(body, answer) {
    if (this.failures >= TRIES_MAX) return answer(429, { error: "too many attempts" }, { "Retry-After": "30" });
    const isToken = body.token !== undefined && body.token === this.oneTime;
    if (!isToken && !(this.password && body.password === this.password)) {
      this.failures += 1;
      return answer(401, { error: "wrong token or password" });
    }
    if (isToken) this.oneTime = null;
    this.failures = 0;
    const session = key();
    this.sessions.set(session, "admin");
    return answer(200, { signed_in: true, scope: "admin", site: null, password_set: this.password !== "" }, { "Set-Cookie": `onepixel_session=${session}; HttpOnly; SameSite=Strict; Path=/` });
  }

  list(name, id, method, body, answer) {
    const all = this[name];
    if (method === "GET") return answer(200, all.map(({ token: _, ...rest }) => rest));
    if (method === "DELETE") {
      this[name] = all.filter((one) => one.id !== id);
      return answer(204);
    }
    const made = name === "tokens" ? { id: randomUUID(), name: body.name, scope: body.scope, created_ms: Date.now(), last_used_ms: null, token: key() }
      : { id: randomUUID(), site: body.site, created_ms: Date.now(), key: key() };
    all.push(made);
    return answer(201, made);
  }
}
