// Charts that can be zoomed: uPlot in place of the drawing that the server made, with the same numbers and the same colours.
"use strict";
(function () {
  if (typeof uPlot === "undefined") return;

  // Steps of an axis of bytes: 1 B to 512 TiB.
  const BINARY = Array.from({ length: 50 }, function (_, power) { return Math.pow(2, power); });

  function colourOf(place) {
    const probe = document.createElementNS("http://www.w3.org/2000/svg", "path");
    const holder = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    probe.setAttribute("class", "line-" + place);
    holder.appendChild(probe);
    document.body.appendChild(holder);
    const style = getComputedStyle(probe);
    const found = { stroke: style.stroke, dash: style.strokeDasharray === "none" ? [] : style.strokeDasharray.split(/[ ,]+/).map(parseFloat) };
    holder.remove();
    return found;
  }

  function token(name) {
    const probe = document.createElement("span");
    probe.className = "token-" + name;
    document.body.appendChild(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  }

  function say(value, unit) {
    if (value === null || value === undefined) return "—";
    if (unit === "ratio") return Number((value * 100).toPrecision(3)) + " %";
    const binary = unit === "bytes";
    const step = binary ? 1024 : 1000;
    const names = binary ? [" B", " KiB", " MiB", " GiB", " TiB"] : ["", " k", " M", " G", " T"];
    let place = 0;
    if (unit === "bytes" || unit === "B/s" || unit === "bit/s") {
      while (Math.abs(value) >= step && place < names.length - 1) { value /= step; place += 1; }
    }
    const text = Number.isInteger(value) ? String(value) : Number(value.toPrecision(3)).toString();
    const tail = binary ? "" : unit === "B/s" || unit === "bit/s" ? (place ? "" : " ") + unit : unit ? " " + unit : "";
    return text + names[place] + tail;
  }

  function draw(box, data) {
    const dim = token("dim");
    const grid = token("line");
    const axis = { stroke: dim, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 }, font: "11px " + getComputedStyle(document.body).fontFamily };
    const options = {
      width: box.clientWidth,
      height: 180,
      tzDate: function (seconds) { return uPlot.tzDate(new Date(seconds * 1000), box.dataset.zone); },
      cursor: { drag: { x: true, y: false }, sync: { key: "ci" } },
      legend: { show: true, live: true },
      scales: { y: data.unit === "ratio" ? { range: function (_, low, high) { return [0, high > 1 ? high * 1.05 : 1]; } } : { range: function (_, low, high) { return [Math.min(low, 0), high > 0 ? high * 1.05 : 1]; } } },
      axes: [
        Object.assign({ size: 30, values: function (_, at) { return at.map(function (each) { return clock(each, at[at.length - 1] - at[0], box.dataset.zone); }); } }, axis),
        Object.assign({ size: 64, incrs: data.unit === "bytes" ? BINARY : undefined, values: function (_, all) { return all.map(function (each) { return say(each, data.unit); }); } }, axis),
      ],
      series: [{ label: box.dataset.time, value: function (_, at) { return at === null || at === undefined ? "—" : clock(at, 0, box.dataset.zone, true); } }].concat(data.series.map(function (each, place) {
        const look = colourOf(place);
        return { label: each.name, stroke: look.stroke, dash: look.dash, width: 1.6, spanGaps: false, points: { show: false }, value: function (_, value) { return say(value, data.unit); } };
      })),
    };
    const holder = document.createElement("div");
    holder.className = "chart-live";
    const chart = new uPlot(options, [data.times].concat(data.series.map(function (each) { return each.values; })), holder);
    box.querySelectorAll(".chart, .legend").forEach(function (each) { each.setAttribute("hidden", ""); });
    box.appendChild(holder);
    chart.setSize({ width: holder.clientWidth, height: 180 });
    new ResizeObserver(function () { chart.setSize({ width: holder.clientWidth, height: 180 }); }).observe(box);
  }

  function clock(seconds, extent, zone, full) {
    const day = { month: "2-digit", day: "2-digit" };
    const time = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    const wanted = full ? Object.assign({}, day, time, { second: "2-digit" }) : extent > 172800 ? day : extent < 600 ? Object.assign({}, time, { second: "2-digit" }) : time;
    const parts = {};
    new Intl.DateTimeFormat("en", Object.assign({ timeZone: zone }, wanted)).formatToParts(new Date(seconds * 1000)).forEach(function (each) { parts[each.type] = each.value; });
    const date = parts.month ? parts.month + "-" + parts.day : "";
    const rest = parts.hour ? parts.hour + ":" + parts.minute + (parts.second ? ":" + parts.second : "") : "";
    return (date + " " + rest).trim();
  }

  document.querySelectorAll("[data-chart]").forEach(function (box) {
    fetch(box.dataset.chart, { headers: { Accept: "application/json" }, credentials: "same-origin" }).then(function (answer) {
      if (!answer.ok) throw new Error(String(answer.status));
      return answer.json();
    }).then(function (data) {
      if (data.times.length > 1) draw(box, data);
    }, function () { /* the server's drawing stays */ });
  });
})();
