//! The frame of the page: head, style and foot.

use super::text::escape;

/// Drawings carry the colours of the light page as attributes, which a style may replace: this one does in the
/// dark. Print is always light.
const STYLE: &str = "
:root{color-scheme:light dark;--ink:#222;--paper:#fefefe;--faint:#666;--rule:#ddd;--raised:#f4f5f7;\
--blue:#0072b2;--vermilion:#d55e00;--green:#009e73;--alert:#b23c00;--alert-paper:#fdf0e8}
@media screen and (prefers-color-scheme:dark){:root{--ink:#e6e6e6;--paper:#16181b;--faint:#a5a8ad;\
--rule:#3a3e44;--raised:#202327;--blue:#56b4e9;--vermilion:#f08a3c;--green:#2fc79a;--alert:#ffa76b;\
--alert-paper:#33221a}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem;max-width:64rem;background:var(--paper);color:var(--ink);\
font:1rem/1.5 system-ui,sans-serif}
h1{font-size:1.6rem;line-height:1.25;margin:.5rem 0;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:2.2rem 0 .6rem;padding-bottom:.2rem;border-bottom:1px solid var(--rule)}
h3{font-size:1rem;margin:1.2rem 0 .3rem;overflow-wrap:anywhere}
p{margin:.5rem 0;max-width:46rem}
code{font:.9em ui-monospace,monospace;overflow-wrap:anywhere}
small,.faint,figcaption{color:var(--faint);font-size:.82rem}
.alert,.note{margin:.6rem 0;padding:.6rem .9rem;border-left:.3rem solid var(--blue);background:var(--raised);\
overflow-wrap:anywhere}
.alert{border-color:var(--alert);background:var(--alert-paper)}
.alert b{color:var(--alert)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,13rem),1fr));gap:.6rem;margin:.8rem 0}
.tiles div{padding:.6rem .9rem;background:var(--raised)}
.tiles b{display:block;font-size:1.4rem;line-height:1.2}
.scroll{overflow-x:auto;margin:.6rem 0}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{padding:.35rem .7rem;border-bottom:1px solid var(--rule);text-align:right;vertical-align:top}
thead th{border-bottom:2px solid var(--ink);vertical-align:bottom}
th:first-child,.text{text-align:left}
th:first-child{position:sticky;left:0;background:var(--paper)}
tbody th{font-weight:600}
td{white-space:nowrap}td small{display:block;font-size:.85em}td .faint{font-size:inherit}
td.text{min-width:10rem;white-space:normal;overflow-wrap:anywhere}
tr.leak th,tr.leak td{background:var(--alert-paper)}
.leak-mark{color:var(--alert);font-weight:700;white-space:nowrap}
.name{overflow-wrap:anywhere;max-width:20rem}
.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,18rem),1fr));gap:1rem}
figure{margin:.8rem 0}
.plots figure{margin:0}
svg{display:block;width:100%;height:auto;max-width:30rem}
svg[width=\"640\"]{max-width:22rem}
svg text{font-family:inherit}
svg [fill=\"#222222\"]{fill:var(--ink)}svg [stroke=\"#222222\"]{stroke:var(--ink)}
svg [fill=\"#FEFEFE\"]{fill:var(--paper)}svg [stroke=\"#FEFEFE\"]{stroke:var(--paper)}
svg [fill=\"#0072B2\"]{fill:var(--blue)}svg [stroke=\"#0072B2\"]{stroke:var(--blue)}
svg [fill=\"#D55E00\"]{fill:var(--vermilion)}svg [stroke=\"#D55E00\"]{stroke:var(--vermilion)}
svg [fill=\"#009E73\"]{fill:var(--green)}svg [stroke=\"#009E73\"]{stroke:var(--green)}
dl{display:grid;grid-template-columns:minmax(8rem,max-content) 1fr;gap:.3rem 1rem;font-size:.9rem}
dt{font-weight:600}dd{margin:0}
@media(max-width:40rem){dl{display:block}dd{margin:0 0 .5rem}th,td{padding:.3rem .45rem}}
@media print{@page{margin:14mm}:root{color-scheme:light}body{max-width:none;padding:0;font-size:10pt}\
.scroll{overflow:visible}table{font-size:7pt}th,td{padding:.15rem .25rem}td.text{min-width:0}small{font-size:.85em}\
th:first-child{position:static}figure,tr,.alert,.note,.tiles{break-inside:avoid}h2,h3{break-after:avoid}\
.alert,.note,.tiles div{border:1px solid #999}svg{max-width:11cm}.plots{grid-template-columns:repeat(3,1fr)}}
";

/// The page called `title` around its `body`.
pub(super) fn document(title: &str, body: &str) -> String {
    let title = escape(title);
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"generator\" content=\"burn-recsys-evaluation {version}\"/>\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
}

/// Columns of words, which begin at the left as their cells do.
const WORDS: [&str; 4] = ["grouping", "meaning", "example", "path"];

/// A table that scrolls sideways where it is wider than the page. The cells of a row are whole cells of markup.
pub(super) fn table(head: &[&str], rows: &[String]) -> String {
    let cell = |cell: &&str| {
        let class = if WORDS.contains(cell) { " class=\"text\"" } else { "" };
        format!("<th scope=\"col\"{class}>{}</th>", escape(cell))
    };
    let head: String = head.iter().map(cell).collect();
    let rows = rows.concat();
    format!(
        "<div class=\"scroll\"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n"
    )
}

/// A drawing and what is to be said of it.
pub(super) fn figure(svg: &str, caption: &str) -> String {
    let caption = if caption.is_empty() {
        String::new()
    } else {
        format!("<figcaption>{}</figcaption>", escape(caption))
    };
    format!("<figure>\n{svg}{caption}</figure>\n")
}
