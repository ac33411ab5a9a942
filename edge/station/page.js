// What the browser does alone: views, opacity, keys, the PIN pad, and seeing that its server is gone.
(() => {
  const GONE_MS = 3500, TOUCH_MS = 5000, DOUBLE_MS = 600;
  let beat = Date.now(), touched = 0, chosen = 0, name = "";
  window.okngBeat = () => { beat = Date.now(); };
  const root = () => document.querySelector(".okng");
  const pin = () => document.getElementById("okng-pin");
  const isGone = () => Date.now() - beat > GONE_MS;
  setInterval(() => document.body.classList.toggle("is-gone", isGone()), 250);

  function say(event, args) { if (!isGone()) emitEvent(`okng-${event}`, args); }

  function go(view) {
    root().dataset.view = view;
    sessionStorage.setItem("okng-view", view);
    say("view", { name: view });
  }
  window.okngGo = go;

  // Signing in: who, then the PIN. What was typed is never kept.
  function sign(step) {
    root().dataset.sign = step;
    if (pin()) pin().value = "";
    if (step === "pin") {
      const title = document.querySelector("[data-template]");
      title.textContent = title.dataset.template.replace("{name}", name);
      if (matchMedia("(hover: hover)").matches) pin().focus();
    }
  }
  function enter() {
    say("sign-in", { name, pin: pin().value });
    pin().value = "";
  }
  window.okngSession = (token) => {
    sessionStorage.setItem("okng-session", token);
    sign("");
  };
  window.okngJoin = () => {  // after a reload the same person goes on where they were
    const view = sessionStorage.getItem("okng-view");
    if (document.querySelector(`[data-go="${view}"]`)) go(view);
    const token = sessionStorage.getItem("okng-session");
    if (token) say("resume", { token });
    const kept = sessionStorage.getItem("okng-decide");
    if (kept) say("go-on", JSON.parse(kept));
  };
  window.okngKeep = (kept) => sessionStorage.setItem("okng-decide", JSON.stringify(kept));

  function speak(language) {
    document.cookie = `okng-language=${language}; path=/; max-age=31536000; samesite=strict`;
    location.reload();
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button || button.disabled) return;
    const does = button.dataset;
    if ("digit" in does) {  // quick ones count, too
      pin().value = does.digit === "" ? pin().value.slice(0, -1) : pin().value + does.digit;
      return;
    }
    if (event.detail > 1) return;  // the second click of two is none of its own
    if (does.go) go(does.go);
    else if (does.event) say(does.event, { ...does });
    else if (does.open === "sign") sign("names");
    else if (does.name !== undefined) { name = does.name; sign("pin"); }
    else if ("pin" in does) enter();
    else if ("back" in does) sign("names");
    else if ("close" in does) sign("");
    else if (does.language) speak(does.language);
  });
  document.addEventListener("input", (event) => {
    if ("opacity" in event.target.dataset) document.documentElement.style.setProperty("--cam", event.target.value / 100);
  });
  function ask(form) {  // all that stands in a form: at each change, or where it says `data-submit` when that is asked for
    say(form.dataset.form ?? form.dataset.submit, Object.fromEntries(new FormData(form)));
  }
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-form]");
    if (form) ask(form);
  });
  document.addEventListener("submit", (event) => {
    event.preventDefault();
    ask(event.target);
  });
  document.addEventListener("keydown", (event) => {
    if (root()?.dataset.sign) {
      if (event.key === "Escape") sign("");
      else if (event.key === "Enter" && event.target === pin()) enter();
      return;
    }
    if (event.repeat || event.ctrlKey || event.altKey || event.metaKey || event.target.matches("input:not([type=range]), textarea")) return;
    const key = CSS.escape(event.key.toUpperCase());
    const able = [...document.querySelectorAll(`[data-key="${key}"]:not(:disabled)`)].filter((each) => each.checkVisibility());
    const inView = able.find((each) => each.closest(".view"));  // it goes before the tabs, which have digits, too
    if (inView) chosen = Date.now();
    if (inView || Date.now() - chosen > DOUBLE_MS) (inView ?? able[0])?.click();
  });
  for (const kind of ["pointerdown", "keydown"]) {
    document.addEventListener(kind, () => {  // whoever touches the page is there
      if (Date.now() - touched < TOUCH_MS) return;
      touched = Date.now();
      if (sessionStorage.getItem("okng-session")) say("touched", {});
    }, true);
  }
})();
