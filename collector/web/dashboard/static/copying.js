// Lets a button copy the text that it belongs to. Without a script the text can be selected.
"use strict";

(() => {
  const select = (text) => {
    const range = document.createRange();
    range.selectNodeContents(text);
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  };

  const copy = async (button) => {
    const text = document.getElementById(button.dataset.copies);
    const said = button.parentElement.querySelector("[role=status]");
    try {
      await navigator.clipboard.writeText(text.textContent);
      said.textContent = "Copied.";
    } catch {
      // Browsers have no clipboard for pages without TLS, and may refuse it to others.
      select(text);
      said.textContent = "Selected: copy it by the keyboard or the menu.";
    }
  };

  const show = () => {
    for (const button of document.querySelectorAll("[data-copies]")) {
      button.hidden = false;
    }
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copies]");
    if (button) {
      copy(button);
    }
  });
  document.addEventListener("installation-told", show);
  show();
})();
