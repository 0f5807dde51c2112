// Live updates: what happens is put in front of the list that has data-live. The pages work without this.
"use strict";
(function () {
  var list = document.getElementById("live");
  if (!list || !window.EventSource) return;
  var most = Number(list.dataset.most) || 15;
  var words = JSON.parse(list.dataset.words || "{}");
  var pages = { item: "items", client: "clients", order: "orders", case: "cases", connection: "connections", parked: "parked" };
  function said(event) {
    var parts = String(event).split(":"), code = parts[0].split(".").pop(), about = parts[1];
    var text = words["event." + code] || code.replace(/_/g, " ");
    return about ? (words["case." + about] || about.replace(/_/g, " ")) + ": " + text : text;
  }
  function line(row) {
    var li = document.createElement("li"), time = document.createElement("time"), what = document.createElement("strong"), by = document.createElement("span");
    time.dateTime = row.at;
    time.textContent = String(row.at).slice(0, 19).replace("T", " ");
    what.textContent = said(row.event);
    by.className = "by";
    by.textContent = String(row.actor).replace(/^connection:/, "") + (row.location ? " · " + row.location : "");
    var id = row.type === "connection" || row.type === "parked" ? row.entity.split(":")[1] : row.entity;
    var name = row.type === "case" ? list.dataset.case : row.type === "parked" ? list.dataset.parked + " " + id : row.name || id, of = document.createTextNode(name);
    if (pages[row.type]) {
      of = document.createElement("a");
      of.href = "/console/" + pages[row.type] + "/" + encodeURIComponent(id);
      of.textContent = name;
    }
    li.append(time, " ", what, " ", of, " ", by);
    return li;
  }
  var source = null;
  function follow() {
    if (source || document.hidden) return;
    source = new EventSource(list.dataset.live);
    source.addEventListener("happened", function (e) {
      var rows;
      try { rows = JSON.parse(e.data); } catch (_) { return; }
      rows.reverse().forEach(function (row) { list.prepend(line(row)); }); // they come with the newest first
      while (list.children.length > most) list.lastElementChild.remove();
    });
  }
  function rest() {
    if (source) source.close();
    source = null;
  }
  document.addEventListener("visibilitychange", function () { if (document.hidden) rest(); else follow(); });
  addEventListener("pagehide", rest);
  follow();
})();
