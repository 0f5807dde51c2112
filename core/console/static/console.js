// Live updates: rows of the stream are put in front of the list that has data-live. The pages work without this.
"use strict";
(function () {
  var list = document.getElementById("live");
  if (!list || !window.EventSource) return;
  var most = Number(list.dataset.most) || 15;
  var pages = { item: "items", client: "clients", order: "orders" };
  var waiting = [], timer = null;
  function line(row) {
    var li = document.createElement("li"), time = document.createElement("time"), what = document.createElement("strong"), by = document.createElement("span");
    time.dateTime = row.at;
    time.textContent = String(row.at).slice(0, 19).replace("T", " ");
    what.textContent = String(row.event).split(":")[0].split(".").pop().replace(/_/g, " ");
    by.className = "by";
    by.textContent = row.actor;
    var of = document.createTextNode(row.entity);
    if (pages[row.type]) {
      of = document.createElement("a");
      of.href = "/console/" + pages[row.type] + "/" + encodeURIComponent(row.entity);
      of.textContent = row.entity;
    }
    li.append(time, " ", what, " ", of, " ", by);
    return li;
  }
  function show() {
    timer = null;
    waiting.splice(0, Math.max(0, waiting.length - most)); // the newest alone are seen
    waiting.forEach(function (row) { list.prepend(line(row)); });
    waiting = [];
    while (list.children.length > most) list.lastElementChild.remove();
  }
  function take(e) {
    try { waiting.push(JSON.parse(e.data)); } catch (_) { return; }
    if (waiting.length > 200) waiting.shift();
    if (!timer) timer = setTimeout(show, 500);
  }
  var source = new EventSource(list.dataset.live);
  ["item", "client", "order", "case", "connection", "parked", "memo", "transfer", "count", "credit", "offer", "product", "refund", "location", "action", "settings"].forEach(function (t) { source.addEventListener(t, take); });
  addEventListener("pagehide", function () { source.close(); });
})();
