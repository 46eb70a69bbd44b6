// What is too wide scrolls inside itself; those who use the keyboard must be able to get there.
(() => {
    "use strict";
    const wide = ".formula, .numbered, .table-wrapper, pre > code, .figure > div";
    const mark = () => {
        for (const element of document.querySelectorAll(wide)) {
            if (element.scrollWidth > element.clientWidth + 1) element.tabIndex = 0;
            else element.removeAttribute("tabindex");
        }
    };
    addEventListener("load", mark);
    addEventListener("resize", mark);

    // mdBook opens its table of contents with a label; to those who listen it is a button.
    const toggle = document.getElementById("mdbook-sidebar-toggle");
    if (toggle) toggle.setAttribute("role", "button");
})();
