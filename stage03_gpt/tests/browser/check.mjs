// The page to chat on in a real browser: what no test of its text can see.
//
//   cargo run -p stage03_gpt --features serve -- serve --model MODEL
//   cd stage03_gpt/tests/browser && npm install && node check.mjs http://127.0.0.1:8000
//
// A second argument is a directory for pictures of the page. It needs node, and a Chromium (Debian:
// apt-get install chromium) at /usr/bin/chromium or where CHROMIUM says. It looks for: errors on the
// console, requests that leave the server, a page wider than a phone, what axe-core calls serious, in
// light and dark; and it chats: by the keyboard, with stopping, errors, HTML in an answer, chats that
// are kept and deleted.
//
// Between the browser and the server stands a small server of this file. It hands everything on, but
// answers some messages itself, slowly or wrongly, as no model does when asked.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [server = "http://127.0.0.1:8000", pictures] = process.argv.slice(2);
if (pictures) await mkdir(pictures, { recursive: true });

const EVIL = "<img src=x onerror=\"document.title='hit'\"><b>bold</b> &amp; <script>document.title='hit'</script>";
const piece = (content, reason = null) =>
    `data: ${JSON.stringify({ choices: [{ index: 0, delta: content ? { content } : {}, finish_reason: reason }] })}\n\n`;
let hungUp = 0, key = null;
const sent = [];
const own = {
    slow: (response) => {
        response.writeHead(200, { "Content-Type": "text/event-stream" });
        let count = 0;
        const timer = setInterval(() => response.write(piece(`${++count} `)), 30);
        response.on("close", () => { clearInterval(timer); hungUp += 1; });
    },
    broken: (response) => {
        response.writeHead(200, { "Content-Type": "text/event-stream" });
        response.write(piece("half of "));
        setTimeout(() => response.destroy(), 200);
    },
    html: (response) => {
        response.writeHead(200, { "Content-Type": "text/event-stream" });
        response.end(piece(EVIL) + piece("", "stop") + "data: [DONE]\n\n");
    },
    busy: (response) => {
        response.writeHead(503, { "Content-Type": "application/json" });
        response.end(JSON.stringify({ error: { message: "the queue is <b>full</b>" } }));
    },
};
const front = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    if (request.url.startsWith("/v1") && key && request.headers.authorization !== `Bearer ${key}`) {
        response.writeHead(401, { "Content-Type": "application/json" });
        return response.end(JSON.stringify({ error: { message: "no key" } }));
    }
    if (request.method === "POST") {
        sent.push(JSON.parse(body));
        const answer = own[sent.at(-1).messages.at(-1).content];
        if (answer) return answer(response);
    }
    const given = { "Content-Type": "application/json" };
    const stopper = new AbortController();
    response.on("close", () => stopper.abort());
    try {
        const answer = await fetch(server + request.url, {
            method: request.method, headers: given, body: body.length ? body : undefined, signal: stopper.signal,
        });
        const headers = Object.fromEntries(answer.headers);
        for (const name of ["content-length", "transfer-encoding", "connection"]) delete headers[name];
        response.writeHead(answer.status, headers);
        if (answer.body) for await (const chunk of answer.body) response.write(chunk);
        response.end();
    } catch {
        response.destroy();
    }
});
await new Promise((ready) => front.listen(0, "127.0.0.1", ready));
const root = `http://127.0.0.1:${front.address().port}/`;
const [model] = (await (await fetch(`${server}/v1/models`)).json()).data;

const faults = [];
let at = "";
const expect = (holds, words) => holds || faults.push(`${at}: ${words}`);

const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
    ],
});
const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

const quiet = /Failed to load resource/; // what the browser itself says about a status
const open = async (scheme, width) => {
    // The policy of the page would keep the checker out as well.
    const context = await browser.newContext({ viewport: { width, height: 844 }, colorScheme: scheme, bypassCSP: false });
    await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: root });
    const page = await context.newPage();
    page.on("console", (message) => expect(message.type() !== "error" || quiet.test(message.text()), message.text()));
    page.on("pageerror", (error) => expect(false, String(error)));
    page.on("dialog", (dialog) => dialog.accept());
    page.on("request", (request) => {
        expect(request.url().startsWith(root) || request.url() === "data:,", `asks for ${request.url()}`);
    });
    await page.goto(root, { waitUntil: "networkidle" });
    return page;
};
const idle = (page) => page.getByRole("button", { name: "Send" }).waitFor({ timeout: 120_000 });
const ask = async (page, words) => {
    await page.getByRole("textbox", { name: "Your message" }).fill(words);
    await page.keyboard.press("Enter");
};
const answers = (page) => page.locator("article.assistant .words");
const picture = async (page, name) => pictures && page.screenshot({ path: join(pictures, `${name}.png`) });
const examine = async (page, name) => {
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
    expect(!wide, `${name} is wider than the window`);
    const { violations } = await page.evaluate(() => window.axe.run());
    for (const { id, nodes } of violations) {
        expect(false, `${name}: axe: ${id}: ${nodes.slice(0, 2).map((node) => `${node.target}: ${node.any[0]?.message ?? node.html}`).join(" | ")}`);
    }
};

// How it looks, and whether everybody can use it.
for (const [scheme, width] of [["light", 1200], ["dark", 1200], ["light", 390], ["dark", 390]]) {
    at = `${scheme}, ${width}`;
    const page = await open(scheme, width);
    await page.evaluate(await (await import("node:fs/promises")).readFile(axe, "utf8"));
    expect((await page.locator("#model").innerText()) === model.id, "the model is not named");
    expect((await page.locator("#untaught").isVisible()) === !model.chat_template, "the note on a model that was never taught");
    await examine(page, "the empty page");
    await picture(page, `${scheme}-${width}-empty`);
    await ask(page, process.env.QUESTION ?? "What is gravity?");
    await page.locator("article.user").waitFor();
    await idle(page);
    const words = await answers(page).first().innerText().catch(() => "");
    const trouble = await page.locator("#trouble").innerText().catch(() => "");
    console.log(`${at}: ${JSON.stringify(words)} (${await page.locator(".assistant .figures").first().innerText().catch(() => trouble)})`);
    expect(words !== "" || /nothing to say/.test(trouble), `no answer: ${trouble}`);
    await examine(page, "the page with an answer");
    await picture(page, `${scheme}-${width}-answer`);
    await page.getByRole("button", { name: "Settings" }).click();
    await examine(page, "the settings");
    await picture(page, `${scheme}-${width}-settings`);
    await page.keyboard.press("Escape");
    if (width < 700) {
        await page.getByRole("button", { name: "Chats" }).click();
        expect(await page.getByRole("navigation").isVisible(), "the list of chats does not open");
        await examine(page, "the list of chats");
        await picture(page, `${scheme}-${width}-chats`);
        await page.keyboard.press("Escape");
        expect(!(await page.getByRole("navigation").isVisible()), "the list of chats does not close");
    }
    await ask(page, "broken");
    await page.locator("#trouble").waitFor();
    await examine(page, "the page with an error");
    await picture(page, `${scheme}-${width}-error`);
    await page.context().close();
}

// What it does.
at = "chatting";
const page = await open("light", 1000);
const said = page.locator("#said");

// Somebody who stops: by Escape and by the button. The server learns it.
for (const stop of [() => page.keyboard.press("Escape"), () => page.getByRole("button", { name: "Stop" }).click()]) {
    const before = hungUp;
    await page.getByRole("button", { name: "New chat" }).click();
    await ask(page, "slow");
    await page.waitForFunction(() => document.querySelector("article.assistant .words")?.textContent.length > 8);
    expect(!(await page.getByRole("button", { name: "Send" }).isVisible()), "it can be sent while an answer comes");
    expect(/writing/.test(await said.innerText()), "a screen reader is not told that it writes");
    await picture(page, "writing");
    await stop();
    await idle(page);
    const words = await answers(page).innerText();
    expect(/^1 2 3/.test(words), `what was written is lost: ${words}`);
    expect(/stopped/.test(await page.locator(".assistant .figures").innerText()), "it does not say that it was stopped");
    for (let i = 0; i < 100 && hungUp === before; i++) await page.waitForTimeout(20);
    expect(hungUp === before + 1, "the server is not told");
    expect(/1 2 3/.test(await said.innerText()), "a screen reader does not hear the answer");
    expect(await page.evaluate(() => document.activeElement.id === "words"), "the focus is lost");
}

// An answer that is asked for again takes the place of the one that is being written.
await page.getByRole("button", { name: "New chat" }).click();
await ask(page, "slow");
await page.waitForFunction(() => document.querySelector("article.assistant .words")?.textContent.length > 20);
await page.locator("article.assistant").getByRole("button", { name: "Try again" }).click();
await page.waitForFunction(() => document.querySelector("article.assistant .words")?.textContent.length < 20);
await page.waitForFunction(() => document.querySelector("article.assistant .words")?.textContent.length > 8);
await page.keyboard.press("Escape");
await idle(page);
expect((await answers(page).count()) === 1, "an answer that was given up stays");
expect(await page.evaluate(() => JSON.parse(localStorage.getItem("chats"))[0].messages.length === 2), "and is kept");

// HTML of a model and of a person is text.
await page.getByRole("button", { name: "New chat" }).click();
await ask(page, "html");
await idle(page);
expect((await answers(page).innerText()) === EVIL, "HTML is not shown as text");
expect((await page.locator("#log img, #log b, #log script").count()) === 0, "HTML became elements");
expect((await page.title()) !== "hit", "a script of an answer ran");
await page.evaluate(async (words) => navigator.clipboard.writeText(words), "");
await page.locator("article.assistant").getByRole("button", { name: "Copy" }).click();
await page.waitForFunction(() => document.getElementById("said").textContent === "Copied.");
expect((await page.evaluate(() => navigator.clipboard.readText())) === EVIL, "what is copied is not what was said");

// Errors are shown, and the question can be asked again.
await ask(page, "broken");
await page.locator("#trouble").waitFor();
expect(/broke off/.test(await page.locator("#trouble").innerText()), "a broken answer is not told");
expect((await answers(page).last().innerText()) === "half of ", "what came before is lost");
await ask(page, "busy");
await page.waitForFunction(() => /full/.test(document.getElementById("trouble").textContent));
expect(/the queue is <b>full<\/b>/.test(await page.locator("#trouble").innerText()), "a refusal is not told");
const count = sent.length;
await page.locator("#trouble").getByRole("button", { name: "Try again" }).click();
await page.waitForFunction(() => /full/.test(document.getElementById("trouble").textContent));
expect(sent.length === count + 1, "it does not try again");

// What it sends: the system text, the settings, the turns.
await page.getByRole("button", { name: "New chat" }).click();
await page.getByRole("button", { name: "Settings" }).click();
await page.getByLabel("System text").fill("Be kind.");
await page.getByLabel("Temperature").fill("0.3");
await page.getByLabel("Longest answer").fill("9");
await page.getByRole("button", { name: "Done" }).click();
await ask(page, "html");
await idle(page);
await ask(page, "html");
await idle(page);
const last = sent.at(-1);
expect(last.temperature === 0.3 && last.max_tokens === 9 && last.stream, `it sends ${JSON.stringify(last)}`);
expect(last.messages.map((m) => m.role).join() === "system,user,assistant,user", "the turns that it sends");
expect(last.messages[0].content === "Be kind." && last.messages[2].content === EVIL, "the words that it sends");

// Chats are kept, opened again, edited and deleted.
await page.reload({ waitUntil: "networkidle" });
const list = page.locator("#list li");
const chats = await list.count();
expect(chats === 5, `${chats} chats are kept, not 5`);
await page.locator("#list .open").first().click();
expect((await answers(page).count()) === 2, "a chat is not opened again");
await page.locator("article.user").last().getByRole("button", { name: "Edit" }).click();
expect((await page.getByRole("textbox", { name: "Your message" }).inputValue()) === "html", "a message is not edited");
expect((await answers(page).count()) === 1, "what follows an edited message stays");
await page.getByRole("button", { name: /^Delete the chat/ }).first().click();
expect((await list.count()) === chats - 1, "a chat is not deleted");
await page.getByRole("button", { name: "Settings" }).click();
await page.getByRole("button", { name: "Delete all chats" }).click();
expect((await list.count()) === 0, "the chats are not deleted");

// A key is asked for, and sent.
key = "s3cret";
await page.reload({ waitUntil: "networkidle" });
expect(/key/.test(await page.locator("#trouble").innerText()), "the key is not asked for");
await page.getByRole("button", { name: "Settings" }).click();
await page.getByLabel("Key").fill(key);
await page.getByRole("button", { name: "Done" }).click();
await page.waitForFunction((id) => document.getElementById("about").textContent.includes("tokens"), model.id);
expect(!(await page.locator("#trouble").isVisible()), "the key does not help");
key = null;

// The server is gone.
await page.route("**/v1/**", (route) => route.abort());
await ask(page, "Are you there?");
await page.locator("#trouble").waitFor();
expect(/cannot be reached/.test(await page.locator("#trouble").innerText()), "it does not say that the server is gone");
await page.context().close();

// A browser that keeps nothing, and one whose store was spoiled.
for (const [name, spoil] of [
    ["no store", () => Object.defineProperty(window, "localStorage", { get() { throw new Error("no"); } })],
    ["a spoiled store", () => { localStorage.setItem("chats", "[{\"id\": 1}, null, {\"id\": \"x\", \"messages\": [1]}]"); localStorage.setItem("settings", "nonsense"); }],
]) {
    at = name;
    const context = await browser.newContext();
    await context.addInitScript(spoil);
    const page = await context.newPage();
    page.on("pageerror", (error) => expect(false, String(error)));
    await page.goto(root, { waitUntil: "networkidle" });
    await ask(page, "html");
    await idle(page);
    expect((await answers(page).innerText()) === EVIL, "no answer");
    await context.close();
}

await browser.close();
front.close();
front.closeAllConnections();
for (const fault of new Set(faults)) console.error(fault);
console.log(`the page: ${new Set(faults).size} faults`);
process.exit(faults.length > 0 ? 1 : 0);
