// Keys on every page: g then a letter goes to a page, / to the filter, j and k through rows, ? shows the keys. Commands get a copy button.
"use strict";
(function () {
  let going = false;
  let timer = 0;

  function isTyping(event) {
    const target = event.target;
    return target instanceof HTMLElement && (target.isContentEditable || /^(input|textarea|select)$/i.test(target.tagName) && !/^(checkbox|radio)$/.test(target.type || ""));
  }

  function rows() {
    return Array.from(document.querySelectorAll("main [data-row] a[data-open]"));
  }

  function step(by) {
    const all = rows();
    if (!all.length) return false;
    const at = all.indexOf(document.activeElement);
    const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1);
    all[next].focus();
    return true;
  }

  function leave() {
    going = false;
    window.clearTimeout(timer);
  }

  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.key === "Escape") {
      document.querySelectorAll("details.menu[open]").forEach(function (each) { each.open = false; });
      if (isTyping(event)) event.target.blur();
      return;
    }
    if (isTyping(event)) return;
    if (going) {
      leave();
      const link = document.querySelector('[data-go="' + CSS.escape(event.key) + '"]');
      if (link) {
        event.preventDefault();
        link.click();
      }
      return;
    }
    if (event.key === "g") {
      going = true;
      timer = window.setTimeout(leave, 1500);
    } else if (event.key === "/") {
      const filter = document.querySelector("[data-filter]");
      if (filter) {
        event.preventDefault();
        filter.focus();
        filter.select();
      }
    } else if (event.key === "?") {
      const help = document.querySelector("[data-help]");
      if (help) {
        event.preventDefault();
        help.click();
      }
    } else if (event.key === "j" || event.key === "k") {
      if (step(event.key === "j" ? 1 : -1)) event.preventDefault();
    } else if (event.key === "n" || event.key === "p") {
      const page = document.querySelector(event.key === "n" ? '[data-key="next"]' : '[data-key="first"]');
      if (page) page.click();
    }
  });

  // A menu closes when something else is chosen.
  document.addEventListener("click", function (event) {
    document.querySelectorAll("details.menu[open]").forEach(function (each) {
      if (!each.contains(event.target)) each.open = false;
    });
    const button = event.target instanceof Element ? event.target.closest("[data-copy]") : null;
    if (button) {
      navigator.clipboard.writeText(button.dataset.copy).then(function () {
        const text = button.querySelector("span");
        text.textContent = button.dataset.done;
      }, function () {
        const code = button.parentElement.querySelector("code");
        window.getSelection().selectAllChildren(code);
      });
    }
  });

  function reveal(root) {
    if (!navigator.clipboard) return;
    root.querySelectorAll("[data-copy][hidden]").forEach(function (each) { each.hidden = false; });
  }

  reveal(document);
  document.addEventListener("htmx:load", function (event) { reveal(event.target); });
})();
