// How the reports look.

export const STYLE = `
body { font: 14px/1.45 system-ui, sans-serif; margin: 24px; color: #222; background: #fbfaf7; }
h1 { font-size: 22px; margin: 0 0 12px; } h1 small, h3 small { color: #777; font-weight: normal; }
h2 { font-size: 18px; margin: 0 0 6px; } h3 { font-size: 15px; margin: 20px 0 6px; }
.broken { border-left: 6px solid #c0392b; background: #fbe9e6; padding: 10px 16px; }
.broken p { margin: 4px 0; } .what { font-size: 16px; }
.held { border-left: 6px solid #569668; background: #e8f3ea; padding: 8px 16px; }
.columns { display: flex; gap: 48px; flex-wrap: wrap; } .columns > div { max-width: 620px; }
ol, ul { margin: 4px 0; padding-left: 24px; }
pre { background: #eee; padding: 8px; white-space: pre-wrap; word-break: break-all; }
.timeline { overflow-x: auto; background: #fff; border: 1px solid #ddd; padding: 6px; }
svg text { font: 10px ui-monospace, monospace; fill: #333; }
svg .title { font-weight: bold; fill: #777; } svg .label { text-anchor: end; }
svg .crash { stroke: #c0392b; stroke-width: 2; stroke-dasharray: 4 3; }
svg .crash-text { fill: #c0392b; font-weight: bold; text-anchor: middle; }
.issued { fill: #c9ccd4; background: #c9ccd4; } .applied { fill: #e8a35c; background: #e8a35c; }
.durable { fill: #569668; background: #569668; } .lost { fill: #e9b8b1; background: #e9b8b1; }
.asked { fill: #4a78b5; background: #4a78b5; } .fault { fill: #c0392b; background: #c0392b; }
.told-written { fill: #e8b64c; background: #e8b64c; }
.told-durable { fill: #3f8f5b; background: #3f8f5b; }
.sector-o { background: #7fb38a; } .sector-u { background: #e8b64c; }
.sector-d { background: #e07b39; } .sector-s { background: #b3589a; }
.legend { margin-top: 12px; columns: 2; font-size: 12px; } .legend span { display: block; }
.legend i { display: inline-block; width: 12px; height: 12px; margin-right: 6px; }
table.coverage { border-collapse: collapse; font-size: 12px; margin-top: 90px; }
.coverage th, .coverage td { padding: 2px 6px; text-align: right; border-bottom: 1px solid #e4e0d8; }
.coverage tr > th:first-child { text-align: left; font-weight: normal; }
.coverage .never { background: #fbe9e6; }
table.activities { border-collapse: collapse; font-size: 12px; }
.activities th, .activities td { padding: 2px 12px 2px 6px; text-align: left; font-weight: normal; }
.activities .never { background: #fbe9e6; }
.coverage .turned { height: 10px; white-space: nowrap; }
.coverage .turned div { width: 20px; transform: rotate(-48deg); transform-origin: left bottom; }
`;
