// What the browser does alone in Setup: panes, thresholds that are dragged, and what is drawn on the picture.
(() => {
  const LEFT = 54, RIGHT = 626, WIDTH = 640, TOP = 14, BOTTOM = 218;  // as in charts.py
  const at = (selector) => document.querySelector(`.view.setup ${selector}`);
  const clamp = (value) => Math.min(1, Math.max(0, value));

  // Thresholds.
  const field = (name) => at(`[name="${name}"]`);
  const MARKS = { ok_below: "ok-below", ng_from: "ng-from" };
  let dragged = null;
  function mark(name, share) {
    const x = LEFT + share * (RIGHT - LEFT);
    at(`path.${MARKS[name]}`)?.setAttribute("d", `M${x} ${TOP}V${BOTTOM}`);
    const word = at(`text.${MARKS[name]}`);
    if (word) { word.setAttribute("x", x + 5); word.setAttribute("text-anchor", "start"); word.textContent = share.toFixed(3); }
  }
  window.okngLimits = (ok, ng) => {
    if (document.activeElement !== field("ok_below")) field("ok_below").value = ok;
    if (document.activeElement !== field("ng_from")) field("ng_from").value = ng;
  };
  function shareAt(event) {
    const box = at(".limits-chart svg").getBoundingClientRect();
    return clamp((((event.clientX - box.left) / box.width) * WIDTH - LEFT) / (RIGHT - LEFT));
  }
  function drag(event) {
    const share = shareAt(event), ok = Number(field("ok_below").value), ng = Number(field("ng_from").value);
    if (dragged === "") dragged = Math.abs(share - ok) < Math.abs(share - ng) || (ok === ng && share < ok) ? "ok_below" : "ng_from";
    const kept = dragged === "ok_below" ? Math.min(share, ng) : Math.max(share, ok);
    field(dragged).value = kept.toFixed(4);
    mark(dragged, kept);
  }

  // Drawing: regions as shares of the frame, and places to ignore as white on a picture of the frame's shape.
  let tool = "", regions = [], started = null, hidden = document.createElement("canvas"), held = false;
  const sheet = () => document.getElementById("okng-draw");
  const frame = () => at(".still") ?? at(".frame img");
  function fit() {  // another frame size begins anew
    const image = frame(), canvas = sheet();
    if (!image?.naturalWidth || (canvas.width === image.naturalWidth && canvas.height === image.naturalHeight)) return Boolean(image);
    for (const each of [canvas, hidden]) { each.width = image.naturalWidth; each.height = image.naturalHeight; }
    regions = [];
    return true;
  }
  function place(event) {
    const canvas = sheet(), box = canvas.getBoundingClientRect();
    const scale = Math.min(box.width / canvas.width, box.height / canvas.height);
    const left = (box.width - canvas.width * scale) / 2, top = (box.height - canvas.height * scale) / 2;
    return { x: clamp((event.clientX - box.left - left) / scale / canvas.width), y: clamp((event.clientY - box.top - top) / scale / canvas.height) };
  }
  function between(a, b) {
    return { left: Math.min(a.x, b.x), top: Math.min(a.y, b.y), width: Math.abs(a.x - b.x), height: Math.abs(a.y - b.y) };
  }
  function paint(spot) {
    const brush = hidden.getContext("2d");
    brush.globalCompositeOperation = tool === "erase" ? "destination-out" : "source-over";
    brush.fillStyle = "#fff";
    brush.beginPath();
    brush.arc(spot.x * hidden.width, spot.y * hidden.height, hidden.width * 0.025, 0, 7);
    brush.fill();
  }
  function show(extra) {
    const canvas = sheet(), pen = canvas.getContext("2d");
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.globalAlpha = 0.6;
    pen.drawImage(hidden, 0, 0);
    pen.globalAlpha = 1;
    pen.globalCompositeOperation = "source-atop";  // what is painted is seen on light parts, too
    pen.fillStyle = "#ff3db5a0";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.globalCompositeOperation = "source-over";
    pen.font = `${canvas.width / 28}px sans-serif`;
    [...regions, ...(extra ? [extra] : [])].forEach((each, index) => {
      const box = [each.left * canvas.width, each.top * canvas.height, each.width * canvas.width, each.height * canvas.height];
      for (const [colour, width] of [["#000", 7], ["#7cc4ff", 3]]) {
        pen.strokeStyle = colour;
        pen.lineWidth = (width * canvas.width) / 640;
        pen.strokeRect(...box);
      }
      pen.fillStyle = "#7cc4ff";
      pen.fillText(`region-${index + 1}`, box[0] + 8, box[1] + canvas.width / 24);
    });
  }
  const isPainted = () => hidden.width && hidden.getContext("2d").getImageData(0, 0, hidden.width, hidden.height).data.some(Boolean);
  const recipeName = () => document.getElementById("okng-recipe-name").value.replace(/[^A-Za-z0-9_-]/g, "-").slice(0, 40) || "new";
  function down(value) { return (Math.floor(value * 10000) / 10000).toFixed(4); }
  function write() {
    const name = recipeName(), lines = [`# recipes/${name}.toml`];
    if (isPainted()) lines.push(`ignore = "${name}-ignore.png"`);
    regions.forEach((each, index) => lines.push("", "[[regions]]", `name = "region-${index + 1}"`,
      ...["left", "top", "width", "height"].map((key) => `${key} = ${down(each[key])}`)));
    document.getElementById("okng-recipe").value = `${lines.join("\n")}\n`;
  }
  function save(name, blob) {
    const link = document.createElement("a");
    link.download = name;
    link.href = URL.createObjectURL(blob);
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }
  function saveIgnored() {
    const picture = document.createElement("canvas"), pen = picture.getContext("2d");
    picture.width = hidden.width;
    picture.height = hidden.height;
    pen.fillRect(0, 0, picture.width, picture.height);
    pen.drawImage(hidden, 0, 0);
    picture.toBlob((blob) => save(`${recipeName()}-ignore.png`, blob), "image/png");
  }
  const TOOLS = {
    hold() { held = !held; freeze(); },
    clear() { regions = []; hidden.width = hidden.width; show(); },
    recipe() { write(); at(".drawn-recipe").classList.add("open"); },
    close() { at(".drawn-recipe").classList.remove("open"); },
    "save-recipe"() { write(); save(`${recipeName()}.toml`, new Blob([document.getElementById("okng-recipe").value])); },
    "save-ignore"() { if (isPainted()) saveIgnored(); },
  };
  function freeze() {  // what is drawn on stands still, though the line goes on
    at(".still")?.remove();
    if (!held || !frame()) return;
    const still = frame().cloneNode();
    still.className = "still";
    at(".frame").after(still);
  }
  function choose(name) {
    if (TOOLS[name]) TOOLS[name]();
    else {
      tool = tool === name ? "" : name;
      if (tool && !held) TOOLS.hold();
    }
    sheet().classList.toggle("drawing", Boolean(tool));
    for (const each of document.querySelectorAll("[data-tool]")) {
      each.classList.toggle("chosen", each.dataset.tool === tool || (each.dataset.tool === "hold" && held));
    }
  }

  document.addEventListener("click", (event) => {
    const does = event.target.closest("button")?.dataset ?? {};
    if (does.pane) document.querySelector(".view.setup").dataset.pane = does.pane;
    else if (does.tool) choose(does.tool);
  });
  document.addEventListener("input", (event) => {
    if (event.target.id === "okng-recipe-name") write();
    if (event.target.name in MARKS) mark(event.target.name, clamp(Number(event.target.value)));
  });
  document.addEventListener("pointerdown", (event) => {
    if (event.target.closest(".limits-chart svg")) { dragged = ""; drag(event); event.preventDefault(); return; }
    if (event.target !== sheet() || !tool || !fit()) return;
    event.preventDefault();
    started = place(event);
    if (tool !== "region") { paint(started); show(); }
  });
  document.addEventListener("pointermove", (event) => {
    if (dragged !== null) drag(event);
    if (!started) return;
    if (tool === "region") show(between(started, place(event)));
    else { paint(place(event)); show(); }
  });
  for (const kind of ["pointerup", "pointercancel"]) {
    document.addEventListener(kind, (event) => {
      if (dragged) field(dragged).dispatchEvent(new Event("change", { bubbles: true }));
      dragged = null;
      if (!started) return;
      const region = between(started, place(event));
      if (tool === "region" && region.width > 0.02 && region.height > 0.02 && regions.length < 16) regions.push(region);
      started = null;
      show();
    });
  }
})();
