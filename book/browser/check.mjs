// The pages in a real browser: what no test of the text can see.
//
//   cargo run -p book -- build --book book/tests/sound --out target/sound
//   cd book/browser && npm install && node check.mjs ../../target/sound
//
// The book's own server forbids its pages to load anything from elsewhere. To see that this
// breaks none of them, start it (`cargo run -p book -- serve`) and name it:
//
//   SERVER=http://127.0.0.1:3000/ node check.mjs ../../target/book
//
// It needs node, and a Chromium (Debian: apt-get install chromium) at /usr/bin/chromium or where
// CHROMIUM says. `cargo test` does not need it. It looks for: errors on the console, requests
// that leave the machine, pages wider than a phone, formulas without their fonts, quizzes and
// flashcards that do not answer a click, the search, and what axe-core calls serious, in a
// light and in a dark theme. The book of the tests has one of everything; any other that was
// built can be given, too. Words after the directory choose the pages whose names have one of them.
import { createServer } from "node:http";
import { readFile, readdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { extname, join, resolve } from "node:path";
import { chromium } from "playwright-core";

const [given = "../../target/book", ...chosen] = process.argv.slice(2);
const directory = resolve(given);
const kinds = {
    ".html": "text/html", ".css": "text/css", ".js": "text/javascript",
    ".svg": "image/svg+xml", ".woff2": "font/woff2", ".txt": "text/plain",
};
// The files of the directory are listed first: a request can only choose from the list.
const files = new Set((await readdir(directory, { recursive: true })).map((name) => name.replaceAll("\\", "/")));
const server = createServer(async (request, response) => {
    try {
        const path = decodeURIComponent(new URL(request.url, "http://x").pathname).slice(1);
        const name = path === "" || path.endsWith("/") ? path + "index.html" : path;
        if (!files.has(name)) throw new Error("no such file");
        const body = await readFile(join(directory, name));
        response.setHeader("Content-Type", kinds[extname(name)] ?? "text/html");
        response.end(body);
    } catch {
        response.statusCode = 404;
        response.end();
    }
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const root = process.env.SERVER ?? `http://127.0.0.1:${server.address().port}/`;

const faults = [];
const expect = (page, holds, words) => holds || faults.push(`${page}: ${words}`);

const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
    ],
});
const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

const pages = [...files]
    .filter((name) => name.endsWith(".html") && !name.endsWith("toc.html") && !name.endsWith("404.html"))
    .filter((name) => chosen.length === 0 || chosen.some((word) => name.includes(word)));

const open = async (name, theme, width) => {
    const context = await browser.newContext({ viewport: { width, height: 900 } });
    await context.addInitScript((theme) => localStorage.setItem("mdbook-theme", theme), theme);
    const page = await context.newPage();
    page.on("console", (message) => expect(name, message.type() !== "error", message.text()));
    page.on("pageerror", (error) => expect(name, false, String(error)));
    page.on("dialog", (dialog) => dialog.dismiss()); // the print page asks to print
    page.on("request", (request) => {
        const local = request.url().startsWith(root) || request.url().startsWith("data:");
        expect(name, local, `asks for ${request.url()}`);
    });
    page.on("response", (response) => expect(name, response.ok(), `${response.status()} ${response.url()}`));
    await page.addInitScript(() => { window.print = () => {}; });
    await page.goto(root + name, { waitUntil: "networkidle" });
    return page;
};

for (const [i, name] of pages.entries()) {
    process.stderr.write(`${i + 1} of ${pages.length}  ${name}\n`);
    for (const [theme, width] of [["light", 1200], ["navy", 1200], ["light", 420]]) {
        const page = await open(name, theme, width);
        const wide = await page.evaluate(() => {
            const page = document.documentElement;
            if (page.scrollWidth <= page.clientWidth) return "";
            const over = [...document.querySelectorAll("main *")].filter(
                (element) => element.getBoundingClientRect().right > page.clientWidth + 1);
            return over.slice(0, 3).map((element) => element.outerHTML.slice(0, 80)).join(" | ") || "?";
        });
        expect(name, wide === "", `is wider than ${width} pixels: ${wide}`);
        const formulas = await page.evaluate(async () => {
            const all = document.querySelectorAll(".katex");
            await document.fonts.ready;
            const font = [...document.fonts].some((f) => f.family.includes("KaTeX") && f.status === "loaded");
            const small = [...all].filter((f) => f.querySelector(".katex-html").getBoundingClientRect().width < 2);
            const spoken = [...all].every((formula) => formula.querySelector("math"));
            return { count: all.length, font, small: small.length, spoken };
        });
        if (formulas.count > 0) {
            expect(name, formulas.font, "formulas without their fonts");
            expect(name, formulas.spoken, "formulas without MathML");
            expect(name, formulas.small === 0, "formulas without width");
        }
        await page.evaluate(() => {
            for (const details of document.querySelectorAll("main details")) details.open = true;
        });
        await page.addScriptTag({ path: axe });
        const { violations } = await page.evaluate(() => window.axe.run());
        for (const { id, impact, nodes } of violations) {
            const grave = impact === "serious" || impact === "critical";
            const first = nodes.slice(0, 2).map((node) => `${node.target}: ${node.any[0]?.message ?? node.html}`);
            expect(`${name} (${theme}, ${width})`, !grave, `axe: ${id}: ${nodes.length}: ${first.join(" | ")}`);
        }
        await page.context().close();
    }
}

// Questions answer.
for (const name of pages.filter((name) => name !== "print.html")) {
    const page = await open(name, "light", 1200);
    for (const choice of await page.$$(".choice")) {
        await (await choice.$("summary")).click();
        expect(name, await (await choice.$("div")).isVisible(), "a choice does not answer");
    }
    await page.context().close();
}

// Cards are reviewed, and remembered.
if (pages.includes("flashcards.html")) {
    const page = await open("flashcards.html", "light", 1200);
    const count = await page.locator(".cards > li").count();
    if (count > 0) {
        const left = async () => parseInt(await page.locator("#review [role=status]").innerText());
        expect("flashcards.html", (await left()) === count, "not every card waits at first");
        await page.getByRole("button", { name: "Show the answer" }).click();
        await page.getByRole("button", { name: "Not yet" }).click();
        expect("flashcards.html", (await left()) === count, "an unknown card must stay");
        await page.getByRole("button", { name: "Show the answer" }).click();
        await page.getByRole("button", { name: "I knew it" }).click();
        expect("flashcards.html", (await left()) === count - 1, "a known card must go");
        await page.reload({ waitUntil: "networkidle" });
        expect("flashcards.html", (await left()) === count - 1, "what was known is forgotten");
        for (let rest = count - 1; rest > 0; rest--) {
            await page.getByRole("button", { name: "Show the answer" }).click();
            await page.getByRole("button", { name: "I knew it" }).click();
        }
        expect("flashcards.html", await page.getByText("All done").isVisible(), "no end of cards");
    }
    await page.context().close();
}

// The search finds a symbol by its name, where there is one.
if (pages.includes("notation.html")) {
    const page = await open("notation.html", "light", 1200);
    const name = page.locator("main td:nth-child(2)").first();
    if (await name.count()) {
        const words = await name.innerText();
        await page.keyboard.press("s");
        await page.locator("#mdbook-searchbar").pressSequentially(words);
        await page.waitForSelector("#mdbook-searchresults li", { timeout: 5000 }).catch(() => {});
        const found = await page.locator("#mdbook-searchresults li").count();
        expect("notation.html", found > 0, `the search does not find "${words}"`);
    }
    await page.context().close();
}

await browser.close();
server.close();
for (const fault of new Set(faults)) console.error(fault);
console.log(`${pages.length} pages, ${new Set(faults).size} faults`);
process.exit(faults.length > 0 ? 1 : 0);
