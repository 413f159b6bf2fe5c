/// How the HTML report looks, and the few lines that sort its table.
enum HTMLStyle {
    /// Base64 of the script's SHA-256: the page's policy lets no other script run. A test computes it.
    static let scriptHash = "0cS0Xttd4F65KtQ1vxB43F8VSVtPEN8pGEHKWcbqzUY="

    /// Without it the table is as `--sort` made it, and all else works the same.
    static let script = """
        'use strict';
        (() => {
          const table = document.querySelector('table'), body = table.tBodies[0];
          const heads = [...table.tHead.rows[0].cells].filter(h => !h.matches('.plain'));
          const family = () => +(document.querySelector('[name=family]:checked')?.id[1] ?? 0);
          const value = (row, column) => {
            const cell = row.cells[column], spans = cell.querySelectorAll('span');
            if (spans.length) return +spans[family()].textContent;
            if (!cell.matches('.n')) return cell.textContent.toLowerCase();
            return +(cell.dataset.v ?? cell.textContent);
          };
          const sort = head => {
            const down = head.getAttribute('aria-sort') === 'descending' ? 1
              : head.getAttribute('aria-sort') === 'ascending' ? -1 : head.matches('.n') ? -1 : 1;
            for (const other of heads) other.removeAttribute('aria-sort');
            head.setAttribute('aria-sort', down < 0 ? 'descending' : 'ascending');
            const keyed = [...body.rows].map(row => [value(row, head.cellIndex), row]);
            keyed.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0) * down);
            body.append(...keyed.map(([, row]) => row));
          };
          for (const head of heads) {
            const button = document.createElement('button');
            button.type = 'button';
            button.append(...head.childNodes);
            button.onclick = () => sort(head);
            head.append(button);
          }
          for (const choice of document.querySelectorAll('[name=family]')) choice.onchange = () => {
            const head = heads.find(h => h.hasAttribute('aria-sort'));
            if (!head) return;
            const order = head.getAttribute('aria-sort');
            head.setAttribute('aria-sort', order === 'ascending' ? 'descending' : 'ascending');
            sort(head);
          };
        })();
        """

    static let sheet = """
        :root {
          --page: #fff; --text: #1b1f24; --quiet: #59636e; --line: #d1d9e0; --band: #f6f8fa;
          --good: #1a7f37; --fair: #8a5a00; --bad: #b3261e; --calm: #44546a;
          --l0: #0b62c4; --l1: #c04a12; --l2: #0a7d58; --l3: #a03bb0; --l4: #7d6200; --l5: #c2185b;
          --l6: #007785; --l7: #5c5c5c;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --page: #0f1419; --text: #e6edf3; --quiet: #9aa6b2; --line: #313a44; --band: #181f27;
            --good: #4ac26b; --fair: #d9a53a; --bad: #ff7b72; --calm: #a9bbd0;
            --l0: #6cb2ff; --l1: #ff9b6b; --l2: #4fd1a1; --l3: #d890e8; --l4: #dcc050; --l5: #ff85ab;
            --l6: #4dd0e1; --l7: #b8b8b8;
          }
        }
        * { box-sizing: border-box; }
        body {
          margin: 0 auto; padding: 1.25rem; max-width: 82rem; background: var(--page); color: var(--text);
          font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
          overflow-wrap: anywhere; -webkit-text-size-adjust: 100%;
        }
        h1 { margin: 0 0 .75rem; font-size: 1.5rem; line-height: 1.25; }
        h1 span { color: var(--quiet); font-weight: 400; }
        h2 { margin: 2rem 0 .75rem; font-size: 1.125rem; }
        small, .quiet, footer { color: var(--quiet); }
        .verdict {
          --mark: var(--calm); padding: .75rem 1rem; border: 1px solid var(--line);
          border-left: .375rem solid var(--mark); border-radius: .375rem; background: var(--band);
        }
        .complete .verdict { --mark: var(--good); }
        .partial .verdict { --mark: var(--fair); }
        .lossy .verdict { --mark: var(--bad); }
        .verdict p { margin: 0; }
        .verdict strong { margin-right: .375rem; color: var(--mark); font-size: 1.125rem; letter-spacing: .02em; }
        .verdict ul { margin: .375rem 0 0; padding-left: 1.125rem; }
        dl { display: flex; flex-wrap: wrap; gap: .5rem 1.75rem; margin: 1rem 0 0; }
        dt { color: var(--quiet); font-size: .8125rem; }
        dd { margin: 0; font-variant-numeric: tabular-nums; }
        .chart { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: .25rem .5rem; margin: 0; }
        .chart > svg { width: 100%; height: 16rem; margin: .5rem 0; overflow: visible; }
        .ticks {
          display: flex; flex-direction: column; justify-content: space-between;
          color: var(--quiet); font-size: .8125rem; line-height: 1rem; text-align: right;
          font-variant-numeric: tabular-nums;
        }
        .span {
          grid-column: 2; display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1rem;
          color: var(--quiet); font-size: .8125rem;
        }
        .span time:last-child { margin-left: auto; }
        path { fill: none; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
        svg[preserveAspectRatio] path { vector-effect: non-scaling-stroke; }
        .grid { stroke: var(--line); stroke-width: 1; }
        .l0 { stroke: var(--l0); } .l1 { stroke: var(--l1); stroke-dasharray: 8 5; }
        .l2 { stroke: var(--l2); stroke-dasharray: 2 5; } .l3 { stroke: var(--l3); stroke-dasharray: 10 4 2 4; }
        .l4 { stroke: var(--l4); stroke-width: 3; } .l5 { stroke: var(--l5); stroke-dasharray: 5 5; }
        .l6 { stroke: var(--l6); stroke-dasharray: 1 4; } .l7 { stroke: var(--l7); stroke-dasharray: 12 4; }
        .legend {
          display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 17rem), 1fr));
          gap: .25rem 1.5rem; margin: .75rem 0 0; padding: 0; list-style: none; font-size: .875rem;
        }
        .legend li { display: flex; gap: .5rem; }
        .legend svg { flex: none; width: 1.75rem; height: .625rem; margin-top: .375rem; }
        input[name=family] { position: absolute; opacity: 0; }
        input[name=family] + label {
          display: inline-block; margin: 0 .375rem .625rem 0; padding: .3125rem .875rem;
          border: 1px solid var(--line); border-radius: 1rem; font-size: .875rem; cursor: pointer;
        }
        input[name=family]:checked + label { border-color: var(--text); background: var(--text); color: var(--page); }
        input[name=family]:focus-visible + label { outline: 2px solid var(--l0); outline-offset: 2px; }
        section { position: relative; }
        .box { overflow-x: auto; border: 1px solid var(--line); border-radius: .375rem; }
        table { width: 100%; border-collapse: separate; border-spacing: 0; font-size: .8125rem; }
        th, td { padding: .375rem .5rem; text-align: left; vertical-align: top; white-space: nowrap; font-weight: 400; }
        thead th { background: var(--band); border-bottom: 1px solid var(--line); font-weight: 600; }
        tbody tr + tr > * { border-top: 1px solid var(--line); }
        tfoot > tr > * { border-top: 2px solid var(--line); background: var(--band); font-weight: 600; }
        .n { text-align: right; font-variant-numeric: tabular-nums; }
        .open { font-weight: 600; }
        .who {
          position: sticky; left: 0; z-index: 1; min-width: 11rem; background: var(--page);
          white-space: normal; overflow-wrap: anywhere;
        }
        tbody .who { font-weight: 600; }
        .who small { display: block; font-weight: 400; line-height: 1.35; }
        thead .who, tfoot .who { background: var(--band); }
        td span { display: none; }
        td span:first-child, #f1:checked ~ .box span:nth-child(2), #f2:checked ~ .box span:nth-child(3),
        #f3:checked ~ .box span:nth-child(4) { display: inline; }
        #f1:checked ~ .box span:first-child, #f2:checked ~ .box span:first-child,
        #f3:checked ~ .box span:first-child { display: none; }
        th button {
          all: unset; cursor: pointer; font-weight: inherit; text-decoration: underline dotted var(--quiet);
          text-underline-offset: .25em;
        }
        th button:focus-visible, .box:focus-visible { outline: 2px solid var(--l0); outline-offset: 2px; }
        [aria-sort=ascending] button::after { content: "\\2191"; margin-left: .25em; }
        [aria-sort=descending] button::after { content: "\\2193"; margin-left: .25em; }
        .spark { display: block; width: 7.5rem; height: 1.5rem; overflow: visible; }
        .spark path { stroke: var(--l0); stroke-width: 1.5; }
        code { font: .8125rem/1.5 ui-monospace, "Cascadia Mono", "DejaVu Sans Mono", monospace; }
        .run { margin-top: 1rem; }
        summary { color: var(--quiet); cursor: pointer; font-size: .875rem; }
        .run dl { margin: .5rem 0; }
        .run ol { margin: .5rem 0; padding-left: 2rem; color: var(--quiet); }
        .run p { margin: .5rem 0; font-size: .8125rem; }
        .verdict .earlier { margin-top: .375rem; }
        footer { margin-top: 1.5rem; font-size: .8125rem; }
        @media (max-width: 40rem) {
          body { padding: .875rem; }
          .chart > svg { height: 11rem; }
          .who { min-width: 8.5rem; }
          .who small { font-size: .75rem; }
        }
        @media print {
          @page { size: A4 landscape; margin: 12mm; }
          :root {
            --page: #fff; --text: #000; --quiet: #444; --line: #999; --band: #fff;
            --good: #000; --fair: #000; --bad: #000; --calm: #000;
          }
          body { max-width: none; padding: 0; font-size: 9pt; print-color-adjust: exact; }
          table { font-size: 7.5pt; }
          th, td { padding: .15rem .3rem; }
          .box { overflow: visible; border: 0; }
          .who { position: static; min-width: 0; }
          .chart > svg { height: 55mm; }
          .spark { width: 5rem; height: 1rem; }
          figure, tr, .verdict { break-inside: avoid; }
          h2 { break-after: avoid; }
          details::details-content { content-visibility: visible; height: auto; }
          tfoot { display: table-row-group; }
          #f0:checked + label, input[name=family], input[name=family]:not(:checked) + label, th button::after { display: none; }
        }
        """
}
