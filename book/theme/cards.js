// Review of the flashcards, in boxes as Sebastian Leitner proposed (1972): a card that was known
// moves to the next box and waits longer, one that was not begins again in the first. What is
// remembered is kept in this browser alone. Without this script the cards are a list.
(() => {
    "use strict";
    const place = document.getElementById("review");
    const list = document.querySelector("ul.cards");
    if (!place || !list) return;

    const KEY = "book-flashcards";
    const DAY = 24 * 60 * 60 * 1000;
    const DAYS = [0, 1, 3, 7, 16, 35, 90]; // how long a card of each box waits

    const load = () => {
        try {
            return JSON.parse(localStorage.getItem(KEY)) || {};
        } catch {
            return {};
        }
    };
    let memory = load();
    const save = () => {
        try {
            localStorage.setItem(KEY, JSON.stringify(memory));
        } catch {
            // A browser that keeps nothing still shows the cards.
        }
    };

    const cards = [...list.children].map((item) => ({
        id: item.dataset.card,
        front: item.querySelector("summary").innerHTML,
        back: item.querySelector(".back").innerHTML,
        home: item.querySelector(".home").innerHTML,
    }));
    const state = (card) => memory[card.id] || { box: 0, due: 0 };
    const due = () => cards.filter((card) => state(card).due <= Date.now());

    const element = (tag, html, parent = place) => {
        const made = document.createElement(tag);
        made.innerHTML = html;
        parent.append(made);
        return made;
    };
    const button = (words, press) => {
        const made = element("button", words);
        made.type = "button";
        made.addEventListener("click", press);
        return made;
    };

    const answer = (card, known) => {
        const box = known ? Math.min(state(card).box + 1, DAYS.length - 1) : 0;
        // A card that was not known comes again at once, behind the others.
        memory[card.id] = { box, due: Date.now() + DAYS[box] * DAY };
        save();
        show();
    };

    // The one that has waited longest comes first.
    const show = (focus = true) => {
        place.replaceChildren();
        const waiting = due().sort((a, b) => state(a).due - state(b).due);
        element("p", `${waiting.length} of ${cards.length} cards to review`).setAttribute("role", "status");
        const card = waiting[0];
        if (!card) {
            const next = Math.min(...cards.map((each) => state(each).due));
            const days = Math.max(1, Math.ceil((next - Date.now()) / DAY));
            element("p", `All done. The next card comes in ${days} day${days === 1 ? "" : "s"}.`);
            const again = button("Forget what I know and begin again", () => {
                memory = {};
                save();
                show();
            });
            if (focus) again.focus();
            return;
        }
        element("div", card.front);
        const reveal = button("Show the answer", () => {
            reveal.remove();
            element("hr", "");
            element("div", card.back);
            element("p", card.home).className = "home";
            button("I knew it", () => answer(card, true)).focus();
            button("Not yet", () => answer(card, false));
        });
        if (focus) reveal.focus();
    };

    place.hidden = false;
    element("h2", "All cards", list.parentElement).id = "all-cards";
    list.before(document.getElementById("all-cards"));
    show(false);
})();
