// Signing in and out, the one-time link, the password, tokens, public links, and being kept out.
import assert from "node:assert/strict";
import { PASSWORD, checkClean, run, seed, signIn, until } from "./browser.mjs";

const api = (server, path, headers) => fetch(`${server.url}/api/v1/${path}`, { headers });

await run("access", async ({ server, browser, context, requests, complaints }) => {
  const site = await seed(server);
  const page = await context.newPage();
  assert.equal((await api(server, "overview")).status, 401, "nothing without a sign-in");
  if (server.token) await oneTimeLink(page, server);
  else await signIn(page, server);

  await tokens(page, server);
  await publicLink(page, browser, server, site);
  await signOut(page, context, server);
  checkClean({ requests, complaints }, [/40[13]/]);
});

async function oneTimeLink(page, server) {
  await page.goto(`${server.url}/setup#token=${server.token}`);
  await page.locator("header.top").waitFor();
  assert.equal(new URL(page.url()).hash, "", "the token leaves the address");
  if (!server.password) {
    await page.waitForURL(/\/access/);
    await page.locator('#password input[type="password"]').nth(0).fill("short");
    await page.locator('#password input[type="password"]').nth(1).fill("short");
    await page.locator("#password button").click();
    await page.locator("#password [role=status]", { hasText: "12" }).last().waitFor();
    for (const input of await page.locator('#password input[type="password"]').all()) await input.fill(PASSWORD);
    await page.locator("#password button").click();
    await page.locator("#password [role=status]", { hasText: "is set" }).waitFor();
    server.password = PASSWORD;
  }
  // It works once.
  const other = await page.context().browser().newContext();
  const second = await other.newPage();
  await second.goto(`${server.url}/?token=${server.token}`);
  await second.locator(".sign-in .wrong").waitFor();
  assert.equal(new URL(second.url()).search, "");
  await other.close();
}

async function tokens(page, server) {
  await page.goto(`${server.url}/access`);
  await page.locator("#tokens input").fill("<b>report</b>");
  await page.locator("#tokens button.primary").click();
  const token = (await page.locator("#tokens .fresh pre").innerText()).trim();
  const bearer = { Authorization: `Bearer ${token}` };
  assert.equal((await api(server, "overview", bearer)).status, 200);
  assert.equal((await api(server, "tokens", bearer)).status, 403, "a token to read does not administrate");
  await page.reload();
  await page.locator("#tokens tbody tr", { hasText: "<b>report</b>" }).waitFor();
  assert.ok(!(await page.locator("body").innerText()).includes(token), "shown once");
  await answering(page, () => page.locator("#tokens tbody tr", { hasText: "<b>report</b>" }).locator("button").click());
  await until("the revoked token", async () => (await api(server, "overview", bearer)).status, (status) => status === 401);
}

/** Says yes to the question that `act` brings up. */
async function answering(page, act) {
  page.context().removeAllListeners("dialog");
  page.once("dialog", (dialog) => void dialog.accept());
  await act();
}

async function publicLink(page, browser, server, site) {
  await page.locator("#links input").fill(site);
  await page.locator("#links button.primary").click();
  const address = (await page.locator("#links pre").last().innerText()).trim();
  const stranger = await browser.newContext();
  const view = await stranger.newPage();
  await view.goto(address);
  await until("views by a public link", () => view.locator('.tile[data-metric="views"] b').innerText().catch(() => ""), (text) => text === "17");
  assert.equal(await view.locator("header.top nav a").count(), 0);
  assert.equal(await view.locator("select.site").count(), 0);
  await view.locator("#feed-state.live").waitFor();
  await view.locator('[data-card="page"] .row').first().click();
  assert.ok(new URL(view.url()).searchParams.get("link"), "the link stays in the address");
  const key = new URL(address).searchParams.get("link");
  for (const path of ["pipeline", "requests", "tokens", "links"]) {
    const { status } = await api(server, `${path}?link=${key}`);
    assert.ok(status === 401 || status === 403, `${path} by a public link: ${status}`);
  }
  const others = await (await api(server, `overview?site=another&link=${key}`)).json();
  assert.ok(others.events === undefined || others.events <= 20, "no other site's numbers");
  const row = page.locator("#links li", { hasText: site }).last();
  await answering(page, () => row.locator("button", { hasText: "Revoke" }).click());
  await row.waitFor({ state: "detached" });
  await view.goto(address);
  await view.locator(".sign-in .wrong").waitFor();
  await stranger.close();
}

async function signOut(page, context, server) {
  const second = await context.newPage();
  await second.goto(`${server.url}/`);
  await second.locator("#feed-state.live").waitFor();
  const cookies = await context.cookies();
  await page.locator("button", { hasText: "Sign out" }).click();
  await page.locator('.sign-in input[type="password"]').waitFor();
  // The session died on the server: a kept cookie opens nothing, and another tab says so by itself.
  const cookie = cookies.map((one) => `${one.name}=${one.value}`).join("; ");
  assert.equal((await api(server, "overview", { Cookie: cookie })).status, 401);
  await second.reload();
  await second.locator('.sign-in input[type="password"]').waitFor();
  await page.locator('.sign-in input[type="password"]').fill("not the password");
  await page.locator('.sign-in button[type="submit"]').click();
  await page.locator(".sign-in .wrong").waitFor();
  await page.locator('.sign-in input[type="password"]').fill(server.password);
  await page.locator('.sign-in button[type="submit"]').click();
  await page.locator("header.top").waitFor();
}
