// Draws every <figure data-chart>. The figure brings its data as JSON and as a table; this file only adds the picture.
(() => {
  "use strict";

  const SVG = "http://www.w3.org/2000/svg";

  /** The colour a tone has now, as rgb(): the chart library reads no custom properties and no oklch. */
  function colour(area, tone) {
    const probe = document.createElement("span");
    probe.className = `tone-probe probe-${tone}`;
    area.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  }

  function faded(rgb, alpha) {
    return rgb.replace(/^rgba?\(([^,]+,[^,]+,[^,)]+).*$/, `rgba($1, ${alpha})`);
  }

  function shown(value, data) {
    const places = data.places ?? 2;
    const text = Math.abs(value).toLocaleString("en-US", { minimumFractionDigits: places, maximumFractionDigits: places });
    const unit = data.unit ? `\u202f${data.unit}` : "";
    // What rounds to zero has no sign.
    return (value < 0 && /[1-9]/.test(text) ? "\u2212" : "") + text + unit;
  }

  // --- Series over time ------------------------------------------------------------------------------------------

  const KINDS = { line: "LineSeries", area: "AreaSeries", histogram: "HistogramSeries", candles: "CandlestickSeries" };

  function tones(area) {
    return Object.fromEntries(["main", "gain", "loss", "muted", "line"].map((name) => [name, colour(area, name)]));
  }

  /** Moments in the reader's own zone: the library knows UTC only. Days are days everywhere. */
  function clock(zone) {
    const parts = new Intl.DateTimeFormat("en-GB", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    const said = (time) => Object.fromEntries(parts.formatToParts(new Date(time * 1000)).map(({ type, value }) => [type, value]));
    const whole = (time) => {
      if (typeof time !== "number") return day(time);
      const at = said(time);
      return `${at.year}-${at.month}-${at.day} ${at.hour}:${at.minute}`;
    };
    // Kinds of marks: 0 to 2 are years, months and days, from 3 on it is the time of day.
    const mark = (time, kind) => {
      const text = whole(time);
      if (kind >= 3) return text.slice(11);
      return kind === 0 ? text.slice(0, 4) : text.slice(5, 10);
    };
    return { whole, options: { localization: { timeFormatter: whole }, timeScale: { tickMarkFormatter: mark, timeVisible: true } } };
  }

  function chartOptions(paint) {
    return {
      autoSize: true,
      // The attribution stands in the footer of every page: the library's own logo needs an inline style sheet.
      layout: { background: { color: "transparent" }, textColor: paint.muted, attributionLogo: false, fontSize: 11, fontFamily: getComputedStyle(document.body).fontFamily },
      grid: { vertLines: { visible: false }, horzLines: { color: paint.line } },
      rightPriceScale: { borderVisible: false },
      leftPriceScale: { borderVisible: false },
      timeScale: { borderColor: paint.line, fixLeftEdge: true, fixRightEdge: true },
      handleScroll: { mouseWheel: false, vertTouchDrag: false },
      handleScale: { mouseWheel: false },
    };
  }

  function seriesOptions(kind, series, paint, index) {
    const main = paint[toneOf(series, index)] || paint.main;
    const common = { priceLineVisible: false, lastValueVisible: false };
    if (kind === "area") return { ...common, lineColor: main, topColor: faded(main, 0.22), bottomColor: faded(main, 0.02), lineWidth: 2 };
    if (kind === "histogram") return { ...common, color: main };
    if (kind === "candles") return { ...common, upColor: "transparent", borderUpColor: paint.main, wickUpColor: paint.main, downColor: paint.main, borderDownColor: paint.main, wickDownColor: paint.main };
    return { ...common, color: main, lineWidth: 2, lineStyle: isDashed(series, index) ? 2 : 0, lineType: series.steps ? 1 : 0 };
  }

  /** Told apart by its stroke too, not by colour alone. */
  function isDashed(series, index) {
    return series.dashed ?? (index > 0 && (series.kind || "line") === "line");
  }

  function toneOf(series, index) {
    return series.tone || (index ? "muted" : "main");
  }

  function points(series, paint) {
    return series.points.map(([time, value, open, high, low]) => {
      if (series.kind === "candles") return { time, open: Number(open), high: Number(high), low: Number(low), close: Number(value) };
      const point = { time, value: Number(value) };
      if (series.kind === "histogram" && !series.tone) point.color = point.value < 0 ? paint.loss : paint.gain;
      return point;
    });
  }

  function legend(figure, data) {
    const box = figure.querySelector("[data-legend]");
    box.hidden = false;
    box.replaceChildren();
    return data.series.map((series, index) => {
      const key = document.createElement("span");
      key.className = `key ${toneOf(series, index)}${isDashed(series, index) ? " dashed" : ""}`;
      const value = document.createElement("b");
      const name = document.createElement("span");
      name.textContent = `${series.name} `;
      key.append(name, value);
      box.append(key);
      return value;
    });
  }

  function isFlat(series) {
    return series.points.every(([, value]) => Number(value) === Number(series.points[0][1]));
  }

  /** The scale of lines that never move: around their values, not zoomed into digits nobody asked for. */
  function roomAround(original) {
    const info = original();
    const range = info?.priceRange;
    if (!range) return info;
    const room = Math.abs(range.minValue) / 20 || 1;
    return { ...info, priceRange: { minValue: range.minValue - room, maxValue: range.maxValue + room } };
  }

  // Where less room is, words beside arrows would lie upon each other; the table has them.
  const ROOM_FOR_WORDS = 560;

  /** Arrows where something was bought or sold. */
  function marks(data, paint, width) {
    return data.markers.map(({ time, side, text }) => ({
      time,
      text: width < ROOM_FOR_WORDS ? "" : text,
      ...(side === "buy"
        ? { shape: "arrowUp", position: "belowBar", color: paint.gain }
        : { shape: "arrowDown", position: "aboveBar", color: paint.loss }),
    }));
  }

  function drawSeries(figure, area, data) {
    const library = window.LightweightCharts;
    const chart = library.createChart(area, chartOptions(tones(area)));
    const moments = data.zone ? clock(data.zone) : { whole: day, options: {} };
    const drawn = data.series.map((series, index) => {
      const kind = series.kind || figure.dataset.chart;
      const line = chart.addSeries(library[KINDS[kind] || "LineSeries"], {
        priceScaleId: series.axis || "right",
        ...(data.series.every(isFlat) && { autoscaleInfoProvider: roomAround }),
        priceFormat: { type: "custom", minMove: 10 ** -(data.places ?? 2), formatter: (value) => shown(value, { places: data.places }) },
      });
      return { line, kind, series, index };
    });
    if (data.series.some((series) => series.axis === "left")) chart.applyOptions({ leftPriceScale: { visible: true } });
    const values = legend(figure, data);
    const markers = data.markers && library.createSeriesMarkers(drawn[0].line, []);

    function paint() {
      const now = tones(area);
      chart.applyOptions(chartOptions(now));
      chart.applyOptions(moments.options);
      for (const { line, kind, series, index } of drawn) {
        line.applyOptions(seriesOptions(kind, series, now, index));
        line.setData(points({ ...series, kind }, now));
      }
      markers?.setMarkers(marks(data, now, area.clientWidth));
    }

    function tell(parameter) {
      drawn.forEach(({ line, series }, index) => {
        const point = parameter?.seriesData?.get(line);
        const last = series.points[series.points.length - 1];
        const value = point ? point.value ?? point.close : last && Number(last[1]);
        const when = point ? parameter.time : last && last[0];
        values[index].textContent = value === undefined ? "" : `${shown(value, data)} (${moments.whole(when)})`;
      });
    }

    paint();
    tell();
    chart.timeScale().fitContent();
    chart.timeScale().subscribeSizeChange(() => chart.timeScale().fitContent());
    chart.subscribeCrosshairMove(tell);
    walkByKeyboard(figure, area, chart, drawn, tell);
    return paint;
  }

  function day(time) {
    if (typeof time === "number") return new Date(time * 1000).toISOString().slice(0, 16).replace("T", " ");
    if (time && typeof time === "object") return `${time.year}-${String(time.month).padStart(2, "0")}-${String(time.day).padStart(2, "0")}`;
    return time || "";
  }

  /** Arrow keys move the crosshair from point to point; the legend follows, and is read out from then on. */
  function walkByKeyboard(figure, area, chart, drawn, tell) {
    area.tabIndex = 0;
    const all = drawn[0].series.points;
    const values = drawn.map(({ series }) => new Map(series.points));
    let at = all.length - 1;
    area.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20, Home: -Infinity, End: Infinity }[event.key];
      if (step === undefined || !all.length) return;
      event.preventDefault();
      figure.querySelector("[data-legend]").setAttribute("aria-live", "polite");
      at = Math.max(0, Math.min(all.length - 1, at + step));
      const [time, value] = all[at];
      chart.setCrosshairPosition(Number(value), time, drawn[0].line);
      const there = drawn.map(({ line }, index) => [line, values[index].has(time) && { value: Number(values[index].get(time)) }]);
      tell({ time, seriesData: new Map(there.filter(([, point]) => point)) });
    });
    area.addEventListener("blur", () => {
      chart.clearCrosshairPosition();
      tell();
    });
  }

  // --- Bars of categories ----------------------------------------------------------------------------------------

  function svg(tag, attributes, text) {
    const node = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    if (text !== undefined) node.textContent = text;
    return node;
  }

  /** Round steps that cover the range, zero among them. */
  function ticks(low, high) {
    const rough = (high - low || 1) / 4;
    const size = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 2.5, 5, 10].map((factor) => factor * size).find((candidate) => candidate >= rough);
    const found = [];
    for (let at = Math.floor(low / step); at <= Math.ceil(high / step); at += 1) found.push(at * step);
    return found;
  }

  function oneBar(bar, box, data) {
    const value = Number(bar.value);
    const height = Math.max(1, Math.abs(box.y(value) - box.y(0)));
    const group = bar.url ? svg("a", { href: bar.url }) : svg("g", {});
    const many = bar.n === undefined || bar.n === null ? "" : `, N = ${bar.n}`;
    group.append(
      svg("title", {}, `${bar.label}: ${shown(value, data)}${many}`),
      svg("rect", { x: box.x + box.width * 0.14, y: Math.min(box.y(value), box.y(0)), width: box.width * 0.72, height, class: bar.tone || (value < 0 ? "down" : "up"), rx: 1 }),
    );
    return group;
  }

  // The width of a letter, roughly; and how many of them still tell one label from another.
  const LETTER = 6.5;
  const LEAST = 8;

  /** Which bars are labelled, and with what: each by what fits of its name, or every so many by the whole of it. */
  function labels(bars, each) {
    const fits = Math.floor((each - 8) / LETTER);
    const longest = Math.max(...bars.map((bar) => bar.label.length));
    if (fits < LEAST || longest <= fits) return { every: Math.ceil(longest / Math.max(1, fits)), name: (bar) => bar.label };
    return { every: 1, name: ({ label }) => (label.length > fits ? `${label.slice(0, fits - 1).trimEnd()}…` : label) };
  }

  function drawBars(figure, area, data) {
    function paint() {
      const width = Math.max(area.clientWidth, 160);
      const height = area.clientHeight;
      const values = data.bars.map((bar) => Number(bar.value));
      const marks = ticks(Math.min(0, ...values), Math.max(0, ...values));
      const [low, high] = [marks[0], marks[marks.length - 1]];
      const left = 12 + 6.5 * Math.max(...marks.map((mark) => shown(mark, { places: data.places }).length));
      const y = (value) => 10 + ((high - value) / (high - low || 1)) * (height - 42);
      const each = (width - left - 8) / data.bars.length;
      const { every, name } = labels(data.bars, each);
      const picture = svg("svg", { viewBox: `0 0 ${width} ${height}` });
      for (const mark of marks) {
        picture.append(svg("line", { x1: left, x2: width - 8, y1: y(mark), y2: y(mark), class: "rule" }));
        picture.append(svg("text", { x: left - 6, y: y(mark) + 4, "text-anchor": "end" }, shown(mark, { places: data.places })));
      }
      data.bars.forEach((bar, index) => {
        const x = left + index * each;
        picture.append(oneBar(bar, { x, width: each, y }, data));
        if (index % every) return;
        const text = name(bar);
        const over = x + each / 2 + text.length * LETTER / 2 > width;
        picture.append(svg("text", { x: over ? width : x + each / 2, y: height - 12, "text-anchor": over ? "end" : "middle" }, text));
      });
      picture.append(svg("line", { x1: left, x2: width - 8, y1: y(0), y2: y(0), class: "zero" }));
      area.replaceChildren(picture);
    }
    paint();
    new ResizeObserver(paint).observe(area);
    return () => {};
  }

  // --- Start -----------------------------------------------------------------------------------------------------

  async function read(figure) {
    if (!figure.dataset.src) return JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
    const answer = await fetch(figure.dataset.src, { headers: { Accept: "application/json" }, credentials: "same-origin" });
    if (!answer.ok) throw new Error(`The data answered ${answer.status}`);
    return answer.json();
  }

  function isEmpty(data) {
    return data.bars ? data.bars.length === 0 : data.series.every((series) => series.points.length === 0);
  }

  /** What the data say of themselves: where they come from, or why there are none. */
  function note(figure, text) {
    const place = figure.querySelector("[data-note]");
    if (!place || !text) return;
    place.textContent = text;
    place.hidden = false;
  }

  async function draw(figure) {
    figure.dataset.drawn = "pending";
    const area = figure.querySelector("[data-area]");
    const data = await read(figure);
    note(figure, isEmpty(data) ? data.empty : data.note);
    if (isEmpty(data)) {
      figure.dataset.drawn = "empty";
      return;
    }
    area.hidden = false;
    const repaint = data.bars ? drawBars(figure, area, data) : drawSeries(figure, area, data);
    document.addEventListener("desk:theme", repaint);
    figure.dataset.drawn = "true";
  }

  function drawAll(scope) {
    for (const figure of scope.querySelectorAll("figure[data-chart]:not([data-drawn])")) {
      draw(figure).catch(() => {
        // The table beside the picture says the same; the page stays whole.
        figure.dataset.drawn = "failed";
      });
    }
  }

  document.addEventListener("htmx:afterSettle", (event) => drawAll(event.target));
  drawAll(document);
})();
