// What the browser does alone: views, opacity, keys, and seeing that its server is gone.
(() => {
  const GONE_MS = 3500;
  let beat = Date.now();
  window.okngBeat = () => { beat = Date.now(); };
  const root = () => document.querySelector(".okng");
  const isGone = () => Date.now() - beat > GONE_MS;
  setInterval(() => document.body.classList.toggle("is-gone", isGone()), 250);

  function go(view) { if (root()) root().dataset.view = view; }
  function say(event, args) { if (!isGone()) emitEvent(`okng-${event}`, args); }
  function signIn(name) {
    sessionStorage.setItem("okng-operator", name);
    emitEvent("okng-operator", { name });
  }
  function typed() { signIn(document.getElementById("okng-name")?.value ?? ""); }
  window.okngJoin = () => {  // after a reload the same operator goes on
    const name = sessionStorage.getItem("okng-operator");
    if (name) signIn(name);
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button || button.disabled || event.detail > 1) return;  // the second click of two is none of its own
    const does = button.dataset;
    if (does.go) go(does.go);
    else if (does.event) say(does.event, { ...does });
    else if ("operator" in does) signIn(does.operator);
    else if ("typed" in does) typed();
  });
  document.addEventListener("input", (event) => {
    if ("opacity" in event.target.dataset) document.documentElement.style.setProperty("--cam", event.target.value / 100);
  });
  document.addEventListener("keydown", (event) => {
    if (event.target.id === "okng-name") { if (event.key === "Enter") typed(); return; }
    if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
    const key = event.key.toLowerCase();
    if (key === "l") go("live");
    if (key === "d") go("decide");
    const pressed = CSS.escape(event.key.toUpperCase());
    [...document.querySelectorAll(`[data-key="${pressed}"]:not(:disabled)`)].find((each) => each.checkVisibility())?.click();
  });
})();
