/* Draws the charts from the numbers that the page carries. Without it, or without a canvas, the
   tables are open and say the same. */
"use strict";

(() => {
  const numbers = JSON.parse(document.getElementById("numbers").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const PATTERNS = ["solid", "rising", "dots", "level", "cross", "upright", "falling", "grid", "sparse"];
  const OF_VERDICTS = {
    accepted: "solid", pending: "rising", waiting: "dots", unmatched: "level", ambiguous: "cross",
    invalid: "upright", over_limit: "sparse", rejected: "falling", expired: "grid",
  };
  const LONG = [1, 10, 60, 600, 3600, 21600, 86400, 604800];
  const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const drawn = [];

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  // Strokes in the surface's colour across a tile, so that no series is told by its colour alone.
  const STROKES = {
    solid: [],
    rising: [[0, 8, 8, 0], [-2, 2, 2, -2], [6, 10, 10, 6]],
    falling: [[0, 0, 8, 8], [-2, 6, 2, 10], [6, -2, 10, 2]],
    level: [[0, 4, 8, 4]],
    upright: [[4, 0, 4, 8]],
    grid: [[0, 4, 8, 4], [4, 0, 4, 8]],
    cross: [[0, 8, 8, 0], [0, 0, 8, 8]],
    sparse: [[0, 1, 8, 1]],
    dots: [[2, 2, 3, 2], [6, 6, 7, 6]],
  };

  function pattern(kind, name) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 8;
    const pen = tile.getContext("2d");
    pen.fillStyle = colour(name);
    pen.fillRect(0, 0, 8, 8);
    pen.strokeStyle = colour("surface");
    pen.lineWidth = kind === "dots" ? 2 : 1.2;
    for (const [x, y, toX, toY] of STROKES[kind]) {
      pen.beginPath();
      pen.moveTo(x, y);
      pen.lineTo(toX, toY);
      pen.stroke();
    }
    return pen.createPattern(tile, "repeat");
  }

  function long(seconds) {
    if (seconds === 0) return "0 s";
    const [size, unit] = UNITS.find(([each]) => Math.abs(seconds) >= each) || [1, "s"];
    return `${Math.round((10 * seconds) / size) / 10} ${unit}`;
  }

  function options(scale, said) {
    const ink = { color: colour("quiet") };
    const lines = { color: colour("line") };
    return {
      animation: calm.matches ? false : { duration: 250 },
      maintainAspectRatio: false,
      interaction: { mode: "index", intersect: false },
      scales: {
        x: { stacked: scale.stacked, ticks: { ...ink, maxRotation: 0, autoSkipPadding: 12 }, grid: { display: false } },
        y: { type: scale.type || "linear", beginAtZero: true, stacked: scale.stacked, max: scale.max, afterBuildTicks: scale.afterBuildTicks, ticks: { ...ink, ...scale.ticks }, grid: lines, title: { display: true, text: scale.text, ...ink } },
      },
      plugins: {
        legend: { position: "bottom", labels: { color: colour("text"), boxWidth: 22, ...scale.labels } },
        tooltip: { callbacks: { label: (item) => `${item.dataset.label}: ${said(item.parsed.y)}` } },
      },
    };
  }

  const bars = (rows, fill) => rows.map((row, place) => ({
    label: row.name, data: row.values, backgroundColor: fill(row.name, place),
    borderColor: colour("surface"), borderWidth: 1, maxBarThickness: 48,
  }));

  const CHARTS = {
    verdicts: () => ({
      type: "bar",
      data: { labels: numbers.labels, datasets: bars(numbers.verdicts, (name) => pattern(OF_VERDICTS[name], name)) },
      options: options({ stacked: true, text: "calls", ticks: { precision: 0 } }, (value) => value.toLocaleString("en-GB")),
    }),
    rules: () => ({
      type: "bar",
      data: { labels: numbers.labels, datasets: bars(numbers.rules, (_, place) => pattern(PATTERNS[place % 9], `series-${place % 6 + 1}`)) },
      options: options({ stacked: true, max: 100, text: "% of the calls" }, (value) => `${value.toFixed(1)} %`),
    }),
    seconds: () => {
      const told = numbers.seconds.flatMap((row) => row.values).filter((value) => value !== null);
      const spread = told.every((value) => value > 0) && Math.max(...told) > 50 * Math.min(...told);
      const scale = spread
        ? { type: "logarithmic", text: "time (logarithmic)", afterBuildTicks: (axis) => {
            axis.ticks = LONG.filter((value) => value >= axis.min && value <= axis.max).map((value) => ({ value }));
          } }
        : { text: "time" };
      return {
        type: "line",
        data: { labels: numbers.labels, datasets: numbers.seconds.map((row, place) => ({
          label: row.name, data: row.values, borderColor: colour(`series-${place + 1}`),
          backgroundColor: colour(`series-${place + 1}`), borderDash: place ? [6, 4] : [],
          pointStyle: place ? "triangle" : "circle", pointRadius: 3, borderWidth: 2, tension: 0,
        })) },
        options: options({ ...scale, labels: { usePointStyle: true, pointStyleWidth: 22 }, ticks: { callback: (value) => long(value) } }, long),
      };
    },
  };

  function draw() {
    for (const chart of drawn.splice(0)) chart.destroy();
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    for (const place of document.querySelectorAll("[data-chart]")) {
      place.hidden = false;
      drawn.push(new Chart(place.querySelector("canvas"), CHARTS[place.dataset.chart]()));
    }
  }

  draw();
  // What is drawn need not be told twice, unless somebody opens it.
  for (const told of document.querySelectorAll("details.numbers")) told.open = false;
  for (const wish of [dark, calm]) wish.addEventListener("change", draw);
})();
