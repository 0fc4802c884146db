// Light or dark, before anything is painted: this is loaded in the head, and waited for.
// The choice is this browser's alone; without one the system decides.
"use strict";
(() => {
  const KEY = "sightline.theme";
  const CHOICES = ["system", "light", "dark"];

  function kept() {
    try {
      const choice = localStorage.getItem(KEY);
      return CHOICES.includes(choice) ? choice : "system";
    } catch {
      return "system"; // a browser that keeps nothing
    }
  }

  function show(choice) {
    if (choice === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = choice;
    for (const button of document.querySelectorAll("[data-theme-switch]")) {
      button.hidden = false;
      button.querySelector("[data-theme-word]").textContent = choice;
    }
  }

  function next() {
    const choice = CHOICES[(CHOICES.indexOf(kept()) + 1) % CHOICES.length];
    try {
      localStorage.setItem(KEY, choice);
    } catch {
      // it holds for this page
    }
    show(choice);
  }

  show(kept());
  document.addEventListener("DOMContentLoaded", () => {
    show(kept());
    for (const button of document.querySelectorAll("[data-theme-switch]")) {
      button.addEventListener("click", next);
    }
  });
  window.addEventListener("storage", (event) => {
    if (event.key === KEY) show(kept()); // another tab chose
  });
})();
