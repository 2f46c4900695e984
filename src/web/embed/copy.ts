/** Copies text to the clipboard, and selects it: without a secure context there is no clipboard API. */

/** Copies the text of `from` when `button` is pressed; the button then says so. */
export const copies = (button: HTMLButtonElement, from: Element): void => {
  const text = button.textContent;
  button.ariaLive = "polite";
  button.addEventListener("click", () => {
    getSelection()?.selectAllChildren(from);
    navigator.clipboard?.writeText((from.textContent ?? "").replace(/\n$/, "")).then(
      () => {
        button.textContent = "copied";
        setTimeout(() => (button.textContent = text), 2000);
      },
      () => {},
    );
  });
};
