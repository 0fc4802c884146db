// What a page's buttons do besides what HTML does: ask before acts that say so (data-confirm, hx-confirm), send
// the session's token with htmx's requests, no form twice, moments in the reader's own zone, focus on what is
// wrong. Without this module all forms work all the same, but for being asked.
const token = document.querySelector('meta[name="csrf"]')?.content ?? "";
const dialog = document.getElementById("confirm");

// Ask. `wanted`: text, and perhaps { title, go, danger }. Resolves to whether to go on.
export function ask(text, { title = "Are you sure?", go = "Go on", danger = false } = {}) {
  const yes = dialog.querySelector('[value="yes"]');
  dialog.querySelector("#confirm-title").textContent = title;
  dialog.querySelector("#confirm-text").textContent = text;
  yes.textContent = go;
  yes.className = danger ? "danger" : "primary";
  return new Promise((resolve) => {
    const closed = () => {
      dialog.removeEventListener("close", closed);
      resolve(dialog.returnValue === "yes");
    };
    dialog.returnValue = "no"; // what Escape leaves
    dialog.addEventListener("close", closed);
    dialog.showModal();
    (danger ? dialog.querySelector('[value="no"]') : yes).focus();
  });
}

dialog.addEventListener("click", (event) => {
  const value = event.target.closest("button")?.value;
  if (value) dialog.close(value);
});

function wished(element) {
  const { confirmTitle: title, confirmGo: go } = element.dataset;
  return { title: title || undefined, go: go || undefined, danger: element.dataset.confirmDanger !== undefined };
}

const sure = new WeakSet();

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const source = event.submitter?.dataset.confirm !== undefined ? event.submitter : form;
  if (source.dataset.confirm === undefined) return;
  if (sure.delete(form)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (await ask(source.dataset.confirm, wished(source))) {
    sure.add(form);
    form.requestSubmit(event.submitter ?? undefined);
    sure.delete(form); // where the browser found a field that is not valid
  }
}, true);

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.dataset.sent !== undefined) return event.preventDefault();
  form.dataset.sent = "";
  addEventListener("pageshow", () => delete form.dataset.sent, { once: true }); // back from where it went
});

document.addEventListener("htmx:config:request", (event) => {
  event.detail.ctx.request.headers["X-CSRF-Token"] = token;
});

document.addEventListener("htmx:confirm", async (event) => {
  const { ctx, issueRequest, dropRequest } = event.detail;
  if (!ctx.confirm) return;
  event.preventDefault();
  (await ask(ctx.confirm, wished(event.target))) ? issueRequest() : dropRequest();
});

const zoned = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const ago = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const AGAIN_MS = 20_000;

// A moment of today: its time and how long ago; another one: its day and time.
function words(at, now = Date.now()) {
  const s = Math.round((at - now) / 1000);
  if (new Date(now).toDateString() !== at.toDateString()) return zoned.format(at);
  const [number, unit] = Math.abs(s) < 60 ? [s, "second"] : Math.abs(s) < 3600 ? [s / 60, "minute"] : [s / 3600, "hour"];
  return `${clock.format(at)}, ${ago.format(Math.trunc(number), unit)}`;
}

// Moments as the reader's clock has them; `root`: where new ones may be.
export function tell(root = document) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    if (!time.title) time.title = time.textContent;
    const told = words(at);
    if (time.textContent !== told) time.textContent = told;
  }
}

tell();
setInterval(() => document.hidden || tell(), AGAIN_MS);
document.addEventListener("htmx:after:settle", (event) => tell(event.target.parentElement ?? document));
document.querySelector("[data-focus], [aria-invalid]")?.focus();
document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
