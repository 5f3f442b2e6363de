// Draws the page's charts with Chart.js from the JSON in #report-data. Every <canvas data-draw="f"
// data-argument="a"> becomes charts[f](a), and is drawn again when the reader's colour scheme changes.
(() => {
  'use strict';
  const report = JSON.parse(document.getElementById('report-data').textContent);
  const symbols = ['circle', 'triangle', 'rect'];
  const glyphs = ['●', '▲', '■'];
  const latent_by = {};  // index of a latent -> that of a clustering, or 'label'
  const cluster_range = [];  // of the values of all clusters of a clustering
  const drawn = new Map();  // canvas -> Chart

  const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const colour = rank =>
    rank < report.shown ? report.palette[rank % report.palette.length] : css('--faint');
  const tier = rank => Math.floor(rank / report.palette.length) % symbols.length;
  const percent = share => `${+(100 * share).toPrecision(3)} %`;

  const axis = (text, more = {}) => ({ title: { display: true, text }, ...more });
  const linear = (text, more = {}) => axis(text, { type: 'linear', ...more });
  const small_legend = { position: 'top', align: 'end', labels: { boxWidth: 18, boxHeight: 1 } };
  const only_named = { ...small_legend, labels: { ...small_legend.labels, filter: item => item.text } };

  const line = (data, name, stroke, width = 1.75) => ({
    type: 'line', label: name, data, borderColor: stroke, backgroundColor: stroke,
    borderWidth: width, pointRadius: data.length === 1 ? 3 : 0, pointHitRadius: 6, tension: 0,
  });

  // Points that are no image: each value is drawn over its feature; one value alone as a histogram.
  const one_feature = features => features.length === 1;
  const lines = (features, rows, name, stroke, width) => rows.map((row, i) =>
    line(row.map((y, j) => ({ x: features[j], y })), i === 0 ? name : '', stroke, width));
  const profile = (features, groups, legend, range) => ({
    data: { datasets: groups.flatMap(group => lines(features, ...group)) },
    options: {
      scales: {
        x: linear('feature', { min: features[0], max: features.at(-1), ticks: { precision: 0 } }),
        y: axis('value', range && { min: range[0], max: range[1] }),
      },
      plugins: { legend, tooltip: { enabled: false } },
    },
  });
  function histogram(groups, range, legend) {
    const most = Math.max(...groups.map(([rows]) => rows.length));
    const bins = Math.max(12, Math.min(60, Math.round(2 * Math.sqrt(most))));
    const [low, high] = range, width = (high - low || 1) / bins;
    const density = rows => {
      const count = new Array(bins).fill(0);
      for (const [value] of rows) {
        const bin = Math.floor((value - low) / width);
        count[Math.max(0, Math.min(bins - 1, bin))] += 1 / (rows.length * width);
      }
      return count.map((y, bin) => ({ x: low + (bin + 0.5) * width, y }));
    };
    return {
      data: {
        datasets: groups.map(([rows, name, stroke]) =>
          ({ ...line(density(rows), name, stroke), stepped: 'middle', fill: 'origin', backgroundColor: stroke + '40' })),
      },
      options: {
        scales: { x: linear('value', { min: low, max: high }), y: axis('density', { beginAtZero: true }) },
        plugins: { legend, tooltip: { enabled: false } },
      },
    };
  }
  const range_of = groups => {
    const values = groups.flat(2).filter(value => value !== null);
    return [values.reduce((a, b) => Math.min(a, b), Infinity), values.reduce((a, b) => Math.max(a, b), -Infinity)];
  };
  const compare = (features, real, model, model_colour, legend, range) => {
    const groups = [[real, 'real', css('--faint'), 1], [model, 'model', model_colour, 1.25]]
      .filter(([rows]) => rows.length > 0);
    return one_feature(features) ? histogram(groups, range, legend) : profile(features, groups, legend, range);
  };

  const beside_real = (drawn, { features, originals: real = [] } = report) =>
    compare(features, real, drawn, report.palette[0], only_named, range_of([real, drawn]));

  // Points of the plane of two features, real and drawn, have the same axes.
  const plane_ranges = latent => [0, 1].map(i => {
    if (latent.axis !== 'feature') return {};
    const points = report.latents.filter(({ axis: of }) => of === 'feature').flatMap(one => one.points);
    const [low, high] = range_of([points.map(point => point[i])]), margin = 0.03 * (high - low);
    return { min: low - margin, max: high + margin, ticks: { callback: value => +value.toPrecision(3) } };
  });

  // Where a mesh has its columns and rows, each from the first of the others to the last.
  const mesh_lines = ([columns, rows]) => ({
    beforeDatasetsDraw({ ctx, scales: { x, y } }) {
      ctx.save();
      ctx.strokeStyle = css('--muted');
      ctx.lineWidth = 0.5;
      ctx.beginPath();
      for (const at of columns) {
        ctx.moveTo(x.getPixelForValue(at), y.getPixelForValue(rows[0]));
        ctx.lineTo(x.getPixelForValue(at), y.getPixelForValue(rows.at(-1)));
      }
      for (const at of rows) {
        ctx.moveTo(x.getPixelForValue(columns[0]), y.getPixelForValue(at));
        ctx.lineTo(x.getPixelForValue(columns.at(-1)), y.getPixelForValue(at));
      }
      ctx.stroke();
      ctx.restore();
    },
  });

  // A line a run; beyond ten of them the colours come again, dashed.
  const lines_of_runs = ({ lines, axis: values }, x, points) => ({
    data: {
      datasets: lines.map(({ name, place, points: data }) => ({
        ...line(data, name, report.palette[place % report.palette.length]), ...points,
        borderDash: place < report.palette.length ? [] : [6, 3],
      })),
    },
    options: {
      interaction: { mode: 'nearest', axis: 'x', intersect: false },
      scales: { x: linear(x, { ticks: { precision: 0 } }), y: axis(values) },
      plugins: {
        legend: { ...small_legend, position: 'bottom', align: 'start' },
        tooltip: { callbacks: { title: items => `${x} ${items[0].parsed.x}` } },
      },
    },
  });

  const charts = {
    curve_of_runs: index => lines_of_runs(report.curves[index], 'epoch'),
    by_labels: index => lines_of_runs(report.by_labels[index], 'labels', { pointRadius: 3 }),

    curve(index) {
      const curve = report.curves[index];
      const datasets = [];
      if (curve.train.length) datasets.push(line(curve.train, 'train', report.palette[0]));
      if (curve.validation.length) datasets.push(line(curve.validation, 'validation', report.palette[5]));
      if (curve.floor) datasets.push({ ...line(curve.floor, 'floor', report.palette[7]), borderDash: [6, 3] });
      return {
        data: { datasets },
        options: {
          interaction: { mode: 'index', intersect: false },
          scales: { x: linear('epoch', { ticks: { precision: 0 } }), y: axis(curve.axis) },
          plugins: { legend: small_legend, tooltip: { callbacks: { title: items => `epoch ${items[0].parsed.x}` } } },
        },
      };
    },

    share(index) {
      const { order, names, ticks, share } = report.clusterings[index];
      const even = 1 / order.length;
      return {
        data: {
          labels: order.map(k => ticks[k]),
          datasets: [
            { type: 'line', label: 'even share, 1/K', xAxisID: 'even', data: [{ x: 0, y: even }, { x: 1, y: even }],
              borderColor: css('--ink'), borderWidth: 1, borderDash: [5, 4], pointRadius: 0, pointHitRadius: 0 },
            { type: 'bar', label: '', data: order.map(k => share[k]),
              backgroundColor: order.map((_, rank) => colour(rank)) },
          ],
        },
        options: {
          scales: {
            x: axis('cluster, strongest first', { grid: { display: false }, ticks: { maxRotation: 0, autoSkipPadding: 8 } }),
            even: { axis: 'x', type: 'linear', min: 0, max: 1, display: false },
            y: axis('share of the data, q(y)', { beginAtZero: true, ticks: { callback: percent } }),
          },
          plugins: {
            legend: { display: false },
            tooltip: { callbacks: { title: ([item]) => names[order[item.dataIndex]], label: item => percent(item.parsed.y) } },
          },
        },
      };
    },

    latent(index) {
      const latent = report.latents[index];
      const by = latent_by[index] ?? latent.by ?? (latent.clusters ? 0 : 'label');
      const group = by === 'label' ? latent.label : latent.clusters[by];
      const clustering = report.clusterings[latent.first + Number(by)];  // none of labels
      const order = by === 'label' ? latent.label_order ?? [] : clustering.order;
      const name_of = value => by === 'label' ? latent.label_names[value] ?? String(value) : clustering.names[value];
      const ranks = new Map(order.map((value, rank) => [value, rank]));
      const datasets = [];
      latent.points.forEach(([x, y], i) => {
        // Groups too weak to be told apart share one; they are drawn last, so that they lie below.
        const rank = Math.min(group ? ranks.get(group[i]) ?? report.shown : 0, report.shown);
        datasets[rank] ??= {
          label: group_name(by, group, rank, order, name_of), rank, data: [], order: rank === report.shown ? 1 : 0,
          pointStyle: rank < report.shown ? symbols[tier(rank)] : 'circle', radius: 2.2, hoverRadius: 4,
          borderWidth: 0, backgroundColor: colour(rank) + (rank < report.shown ? 'b3' : '80'),
        };
        datasets[rank].data.push({ x, y });
      });
      const [x_range, y_range] = plane_ranges(latent);
      return {
        type: 'scatter',
        data: { datasets: datasets.filter(Boolean) },
        options: {
          scales: {
            x: axis(latent.axes[0], x_range),
            y: axis(latent.axes[1], { ...y_range, display: latent.axes[1] !== '' }),
          },
          plugins: { legend: { display: false }, tooltip: { callbacks: { label: item => item.dataset.label } } },
        },
        plugins: latent.grid ? [mesh_lines(latent.grid)] : [],
        after: chart => legend(index, chart),
      };
    },

    density(index) {
      const { axes, low, high, darkness: rows } = report.densities[index];
      const side = rows.length;
      const picture = document.createElement('canvas');
      picture.width = picture.height = side;
      const context = picture.getContext('2d');
      const image = context.createImageData(side, side);
      const shade = [1, 3, 5].map(i => parseInt(report.palette[0].slice(i, i + 2), 16));
      rows.toReversed().flat().forEach((dark, i) => image.data.set([...shade, dark], 4 * i));  // from the top
      context.putImageData(image, 0, 0);
      const ticks = { callback: value => +value.toPrecision(3) };
      return {
        type: 'scatter',
        data: { datasets: [] },
        options: {
          scales: {
            x: axis(axes[0], { min: low[0], max: high[0], ticks }),
            y: axis(axes[1], { min: low[1], max: high[1], ticks }),
          },
          plugins: { legend: { display: false } },
        },
        plugins: [{
          beforeDatasetsDraw: ({ ctx, chartArea: { left, top, width, height } }) =>
            ctx.drawImage(picture, left, top, width, height),
        }],
      };
    },

    cluster(argument) {
      const [index, rank] = argument.split('/');
      const { clusters } = report.clusterings[index];
      const { real = [], drawn: model = [] } = clusters[rank];
      // One range for all, so that clusters can be compared.
      cluster_range[index] ??= range_of(clusters.flatMap(c => [c.real ?? [], c.drawn ?? []]));
      const chart = compare(report.features, real, model, colour(rank), { display: false }, cluster_range[index]);
      for (const scale of Object.values(chart.options.scales)) scale.ticks = { ...scale.ticks, maxTicksLimit: 4 };
      chart.options.scales.x.title.display = false;
      chart.options.scales.y.title.display = false;
      return chart;
    },

    given_label(argument) {
      const [index, panel] = argument.split('/');
      const { order, names, ticks, given_label } = report.clusterings[index];
      const q = given_label[panel];
      const rank = new Map(order.map((k, i) => [k, i]));
      return {
        type: 'bar',
        data: {
          labels: ticks,
          datasets: [{ label: '', data: q, backgroundColor: q.map((_, k) => colour(rank.get(k))) }],
        },
        options: {
          scales: {
            x: axis('cluster', { grid: { display: false }, ticks: { maxRotation: 0, autoSkipPadding: 8 } }),
            y: axis('q(y | label)', { beginAtZero: true, ticks: { callback: percent, maxTicksLimit: 4 } }),
          },
          plugins: {
            legend: { display: false },
            tooltip: { callbacks: { title: ([item]) => names[item.dataIndex], label: item => percent(item.parsed.y) } },
          },
        },
      };
    },

    feature(index) {
      const { name, real, drawn } = report.feature_values[index];
      const chart = histogram([[real, 'real', css('--faint')], [drawn, 'model', report.palette[0]]]
        .filter(([rows]) => rows.length > 0), range_of([real, drawn]), small_legend);
      chart.options.scales.x.title.text = name;
      return chart;
    },

    samples: () => beside_real(report.samples),
    samples_uniform: index => beside_real(report.clusterings[index].samples_uniform),
    compared: index => beside_real(report.runs[index].samples, report.runs[index]),

    reconstruction(index) {
      if (!one_feature(report.features)) {
        return profile(report.features, [[[report.originals[index]], 'original', css('--muted'), 1.25],
                        [[report.reconstructions[index]], 'reconstruction', report.palette[5], 1.5]], small_legend);
      }
      const [low, high] = range_of([report.originals]);
      return {
        type: 'scatter',
        data: {
          datasets: [
            { label: '', data: report.originals.map(([x], i) => ({ x, y: report.reconstructions[i][0] })),
              radius: 2, backgroundColor: report.palette[0] },
            line([{ x: low, y: low }, { x: high, y: high }], 'unchanged', css('--muted'), 1),
          ],
        },
        options: { scales: { x: axis('original'), y: axis('reconstruction') }, plugins: { legend: only_named } },
      };
    },
  };

  function group_name(by, group, rank, order, name_of) {
    if (!group) return '';
    if (rank === report.shown || rank >= order.length) {
      return by === 'label' && order.length <= report.shown ? 'no label' : 'others';
    }
    return name_of(order[rank]);
  }
  function legend(index, chart) {
    const box = document.getElementById(`legend-${index}`);
    box.replaceChildren();
    chart.data.datasets.forEach((dataset, i) => {
      if (!dataset.label) return;
      const button = document.createElement('button');
      const mark = document.createElement('span');
      mark.style.color = colour(dataset.rank);
      mark.textContent = dataset.rank < report.shown ? glyphs[tier(dataset.rank)] : '●';
      button.type = 'button';
      button.append(mark, ` ${dataset.label}`);
      button.setAttribute('aria-pressed', 'true');
      button.addEventListener('click', () => {
        const visible = !chart.isDatasetVisible(i);
        chart.setDatasetVisibility(i, visible);
        chart.update();
        button.setAttribute('aria-pressed', String(visible));
      });
      box.append(button);
    });
  }

  function draw(canvas) {
    drawn.get(canvas)?.destroy();
    Chart.defaults.color = css('--muted');
    Chart.defaults.borderColor = css('--line');
    const { after, ...config } = charts[canvas.dataset.draw](canvas.dataset.argument);
    const chart = new Chart(canvas, { type: 'line', ...config });
    drawn.set(canvas, chart);
    after?.(chart);
  }

  Object.assign(Chart.defaults, { animation: false, maintainAspectRatio: false, normalized: true });
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  // Folded charts, of which there may be hundreds, wait until they come near the screen.
  const near = new IntersectionObserver(entries => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      draw(target);
    }
  }, { rootMargin: '600px' });
  document.querySelectorAll('canvas[data-draw]').forEach(canvas =>
    canvas.closest('details:not([open])') ? near.observe(canvas) : draw(canvas));

  document.querySelectorAll('button[data-latent]').forEach(button => {
    button.addEventListener('click', () => {
      const { latent, by } = button.dataset;
      latent_by[latent] = by;
      for (const other of button.parentElement.children) other.setAttribute('aria-pressed', String(other === button));
      draw(document.querySelector(`canvas[data-draw="latent"][data-argument="${latent}"]`));
    });
  });
  window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => [...drawn.keys()].forEach(draw));
})();
