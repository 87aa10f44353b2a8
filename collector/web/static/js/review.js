// Keys of the review queue. Every key presses a button or follows a link that is on the page, so that both ways do the same.
"use strict";
(function () {
  function all(selector) {
    return Array.from(document.querySelectorAll("#review " + selector));
  }

  function go(link) {
    if (!link) return;
    link.scrollIntoView({ block: "nearest" });
    link.click();
  }

  function move(by) {
    const groups = all("[data-group]");
    if (!groups.length) return;
    const at = groups.findIndex(function (each) { return each.hasAttribute("aria-current"); });
    const next = Math.min(Math.max(at + by, 0), groups.length - 1);
    if (next !== at) go(groups[next]);
  }

  function moveInGroup(by) {
    const members = all("[data-difference]");
    const at = members.findIndex(function (each) { return each.hasAttribute("aria-current"); });
    const next = Math.min(Math.max(at + by, 0), members.length - 1);
    if (next !== at && next >= 0) go(members[next]);
  }

  function toggle() {
    const box = document.querySelector("#review .member.is-chosen input[type=checkbox]");
    if (!box) return;
    box.checked = !box.checked;
    const scope = document.querySelector('#review input[name="scope"][value="selected"]');
    if (scope) scope.checked = true;
  }

  function press(key) {
    const button = document.querySelector('#review [data-key="' + key + '"]');
    if (!button) return false;
    button.click();
    if (button.tagName === "SUMMARY") {
      const first = button.parentElement.querySelector(".menu-list button, .menu-list input");
      if (first) first.focus();
    }
    return true;
  }

  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = event.target;
    if (/^(input|textarea|select)$/i.test(target.tagName) && !/^(checkbox|radio)$/.test(target.type || "")) return;
    switch (event.key) {
      case "j": move(1); break;
      case "k": move(-1); break;
      case "J": moveInGroup(1); break;
      case "K": moveInGroup(-1); break;
      case "x": toggle(); break;
      case "a": case "r": case "i": case "l": case "u":
        if (!press(event.key)) return;
        break;
      case "Enter":
        if (target !== document.body && target.id !== "main") return;
        go(document.querySelector("#review [data-subject]"));
        break;
      default: return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
  });

  // What was ticked is what is meant.
  document.addEventListener("change", function (event) {
    if (event.target.name !== "selected") return;
    const scope = document.querySelector('#review input[name="scope"][value="selected"]');
    if (scope) scope.checked = true;
  });

  document.addEventListener("htmx:afterSettle", function () {
    const current = document.querySelector("#review [data-group][aria-current]");
    if (current) current.scrollIntoView({ block: "nearest" });
  });
})();
