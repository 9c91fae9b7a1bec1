/// The style sheet of reports.
///
/// Colours of curves are after Okabe and Ito's palette, which readers with the usual colour deficiencies tell apart, made
/// lighter for dark pages; dashes and shapes tell the curves apart as well.
enum HTMLStyle {
    static let text = """
        :root{color-scheme:light dark;
        --page:#faf9f7;--card:#fff;--ink:#1d1c1a;--soft:#45423d;--muted:#6a665f;--line:#e5e1d9;--hair:#efece6;--link:#0a5bb5;
        --code:#f2efe9;--good:#0b6b41;--good-page:#e8f5ed;--bad:#a8201a;--bad-page:#fcecea;--unsure:#7a4d00;
        --unsure-page:#fdf2da;--neutral:#3b4a5c;--neutral-page:#eef2f6;
        --shade:#0000001f;--s0:#0069ad;--s1:#d1560a;--s2:#00875f;--s3:#b0518f;--s4:#8a6d00;--s5:#4b4a48}
        @media(prefers-color-scheme:dark){:root{
        --page:#141517;--card:#1b1d20;--ink:#ebe9e4;--soft:#cfccc5;--muted:#a09c94;--line:#33363b;--hair:#272a2e;--link:#7db8f5;
        --code:#24272b;--good:#6fd6a1;--good-page:#142a20;--bad:#ff9a8f;--bad-page:#341b1a;--unsure:#f2c261;
        --unsure-page:#302611;--neutral:#a9bdd3;--neutral-page:#1d252e;
        --shade:#0009;--s0:#58aef0;--s1:#ff8f4d;--s2:#36c998;--s3:#e48fc4;--s4:#e3c14a;--s5:#c4c1ba}}
        *{box-sizing:border-box}
        html{-webkit-text-size-adjust:100%;scroll-padding-top:1.5rem}
        body{margin:0;background:var(--page);color:var(--ink);line-height:1.6;font-family:system-ui,-apple-system,"Segoe UI",
        Roboto,"Noto Sans","Liberation Sans",Arial,sans-serif;font-size:1rem;text-rendering:optimizeLegibility}
        .page{max-width:54rem;margin:0 auto;padding:2.25rem 1.125rem 4rem}
        main{min-width:0}
        header{margin-bottom:1.75rem}
        h1{font-size:clamp(1.7rem,1.3rem + 2vw,2.3rem);line-height:1.15;letter-spacing:-.02em;font-weight:680;margin:0;
        text-wrap:balance;overflow-wrap:anywhere}
        .subtitle{color:var(--muted);margin:.6rem 0 0;font-size:1.02rem}
        h2{font-size:1.32rem;line-height:1.25;letter-spacing:-.012em;font-weight:650;margin:3rem 0 .9rem;text-wrap:balance}
        h3{font-size:1.06rem;line-height:1.35;font-weight:650;margin:2rem 0 .6rem}
        h4{font-size:.95rem;font-weight:650;margin:1.5rem 0 .4rem;color:var(--soft)}
        p{margin:0 0 1rem;max-width:44rem;overflow-wrap:break-word}
        ul{margin:0 0 1.1rem;padding-left:1.25rem;max-width:44rem}
        li{margin:.3rem 0;overflow-wrap:break-word}
        li::marker{color:var(--muted)}
        a{color:var(--link)}
        code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono","DejaVu Sans Mono",monospace;
        font-size:.875em;background:var(--code);border-radius:.3em;padding:.1em .32em;white-space:nowrap}
        code.long-code{white-space:normal;overflow-wrap:anywhere}
        pre{background:var(--code);border:1px solid var(--hair);border-radius:.6rem;padding:.85rem 1rem;overflow-x:auto;
        margin:0 0 1.2rem;font-size:.875rem;line-height:1.55;max-height:36rem}
        pre code{background:none;padding:0;font-size:inherit;white-space:pre}
        strong{font-weight:650}
        footer{margin-top:3.5rem;padding-top:1rem;border-top:1px solid var(--line);color:var(--muted);font-size:.85rem}
        nav{font-size:.9rem;margin:0 0 1.75rem}
        nav ol{list-style:none;margin:0;padding:0;display:flex;gap:.3rem 1rem;overflow-x:auto;white-space:nowrap;
        scrollbar-width:none}
        nav li{margin:0}
        nav a{color:var(--muted);text-decoration:none}
        nav a:hover,nav a:focus-visible{color:var(--link);text-decoration:underline}
        .verdict{display:flex;gap:.9rem;padding:1.05rem 1.15rem;border-radius:.75rem;margin:0 0 1.4rem;
        border:1px solid color-mix(in srgb,var(--tone) 28%,transparent);background:var(--tone-page)}
        .verdict .mark{flex:none;width:1.75rem;height:1.75rem;border-radius:50%;background:var(--tone);color:var(--tone-page);
        display:grid;place-items:center;font-weight:700;font-size:1rem;line-height:1}
        .verdict p{margin:.2rem 0 0;color:var(--soft)}
        .verdict p.title{margin:0;font-size:1.12rem;line-height:1.4;font-weight:660;color:var(--tone);padding-top:.08rem}
        .verdict>div{min-width:0}
        .good{--tone:var(--good);--tone-page:var(--good-page)}
        .bad{--tone:var(--bad);--tone-page:var(--bad-page)}
        .unsure{--tone:var(--unsure);--tone-page:var(--unsure-page)}
        .neutral{--tone:var(--neutral);--tone-page:var(--neutral-page)}
        .figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.4rem,1fr));gap:.7rem;margin:0 0 1.5rem}
        .figures>div{background:var(--card);border:1px solid var(--line);border-radius:.75rem;padding:.75rem .95rem .8rem;
        min-width:0}
        .figures dt{font-size:.82rem;color:var(--muted);line-height:1.35}
        .figures dd{margin:.15rem 0 0;font-size:1.42rem;line-height:1.2;font-weight:640;letter-spacing:-.015em;
        font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
        .figures dd.note{font-size:.82rem;font-weight:400;letter-spacing:0;color:var(--muted);line-height:1.4;margin-top:.25rem}
        .facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(21rem,100%),1fr));gap:0 2.5rem;margin:0 0 1.5rem;
        font-size:.92rem;font-variant-numeric:tabular-nums}
        .facts>div{display:flex;justify-content:space-between;gap:1.25rem;padding:.42rem 0;border-bottom:1px solid var(--line)}
        .facts dt{color:var(--soft)}
        .facts dd{margin:0;text-align:right;overflow-wrap:anywhere}
        .caption{color:var(--muted);font-size:.85rem}
        figure{margin:0 0 1.5rem;min-width:0}
        .scroll{overflow-x:auto;border:1px solid var(--line);border-radius:.7rem;
        background:linear-gradient(90deg,var(--card) 30%,transparent) left/2.5rem 100% no-repeat local,
        linear-gradient(270deg,var(--card) 30%,transparent) right/2.5rem 100% no-repeat local,
        linear-gradient(90deg,var(--shade),transparent) left/.7rem 100% no-repeat scroll,
        linear-gradient(270deg,var(--shade),transparent) right/.7rem 100% no-repeat scroll,
        var(--card)}
        table{border-collapse:collapse;width:100%;font-size:.9rem;line-height:1.45;font-variant-numeric:tabular-nums}
        th,td{padding:.5rem .8rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--hair)}
        tbody tr:last-child td{border-bottom:0}
        th{font-weight:600;font-size:.82rem;color:var(--muted);vertical-align:bottom;border-bottom-color:var(--line)}
        td{overflow-wrap:break-word}
        .number{text-align:right;white-space:nowrap}
        td code.long-code{overflow-wrap:break-word}
        .medium code.long-code,.long code.long-code{overflow-wrap:anywhere}
        td.short,td.short code{white-space:nowrap}
        .medium{min-width:10rem}
        .long{min-width:17rem}
        figure.table figcaption{color:var(--muted);font-size:.85rem;margin-top:.55rem;max-width:44rem}
        .charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(20rem,100%),1fr));gap:1rem;margin:0 0 1.5rem;
        align-items:stretch}
        .charts figure{margin:0;display:flex;flex-direction:column}
        .chart{background:var(--card);border:1px solid var(--line);border-radius:.75rem;padding:.9rem 1rem .75rem;max-width:29rem}
        .charts .chart{max-width:none}
        .chart figcaption{font-weight:640;font-size:.95rem;line-height:1.35;margin:0 0 .55rem;color:var(--ink)}
        .chart>svg{display:block;width:100%;height:auto;overflow:visible}
        svg text{font-size:11px;fill:var(--muted);font-variant-numeric:tabular-nums}
        svg .row-name{fill:var(--soft);font-size:12px}
        .grid{stroke:var(--hair);stroke-width:1;vector-effect:non-scaling-stroke}
        .tick{stroke:var(--line);stroke-width:1}
        .curve{fill:none;stroke:var(--c);stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round;
        vector-effect:non-scaling-stroke}
        .band{fill:var(--c);fill-opacity:.15}
        .dot{fill:var(--c);stroke:var(--card);stroke-width:1}
        .mark{fill:var(--c)}
        .verdict .mark{fill:none}
        .whisker{stroke:var(--c);stroke-width:1.8;fill:none}
        .threshold{stroke:var(--ink);stroke-width:1.4;stroke-dasharray:3 3}
        .s0{--c:var(--s0)}.s1{--c:var(--s1)}.s2{--c:var(--s2)}.s3{--c:var(--s3)}.s4{--c:var(--s4)}.s5{--c:var(--s5)}
        .curve.s1{stroke-dasharray:6 3}.curve.s2{stroke-dasharray:2 3}.curve.s3{stroke-dasharray:8 3 2 3}
        .curve.s4{stroke-dasharray:10 4}.curve.s5{stroke-dasharray:1 4}
        .legend{list-style:none;display:flex;flex-wrap:wrap;gap:.15rem 1.1rem;margin:.55rem 0 0;padding:0;font-size:.84rem;
        color:var(--soft)}
        .legend li{margin:0;display:flex;align-items:center;gap:.45rem;overflow-wrap:anywhere}
        .legend svg{flex:none;width:24px;height:10px}
        details{margin:0 0 1rem;border:1px solid var(--line);border-radius:.75rem;background:var(--card)}
        summary{cursor:pointer;padding:.65rem 1rem;font-weight:600;font-size:.95rem;border-radius:.75rem}
        summary::marker{color:var(--muted)}
        summary:focus-visible,a:focus-visible,.scroll:focus-visible,pre:focus-visible{outline:2px solid var(--link);
        outline-offset:2px}
        details[open]>summary{border-bottom:1px solid var(--hair);border-radius:.75rem .75rem 0 0}
        .folded{padding:1rem}
        .folded>:last-child{margin-bottom:0}
        .folded>h3:first-child,.folded>h4:first-child{margin-top:0}
        .numbers{border:0;background:none;margin:auto 0 0;padding-top:.5rem}
        .numbers summary{padding:0;font-weight:400;font-size:.82rem;color:var(--muted);width:max-content}
        .numbers[open]>summary{border:0;margin-bottom:.4rem}
        .numbers table{font-size:.8rem}
        .numbers th,.numbers td{padding:.25rem .6rem}
        @media(max-width:40rem){
        svg text{font-size:12px}svg .row-name{font-size:13px}
        .stacked .scroll{overflow-x:visible}
        .stacked table,.stacked tbody,.stacked tr,.stacked td{display:block}
        .stacked thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
        .stacked tr{padding:.7rem .9rem;border-bottom:1px solid var(--line)}
        .stacked tbody tr:last-child{border-bottom:0}
        .stacked td{border:0;padding:.12rem 0;text-align:left;white-space:normal;min-width:0}
        .stacked td code.long-code{overflow-wrap:anywhere}
        .stacked td:empty{display:none}
        .stacked td::before{content:attr(data-label);display:block;color:var(--muted);font-size:.78rem;line-height:1.5}
        .stacked td:first-child{font-weight:620}
        .stacked td:first-child::before{display:none}}
        @media(min-width:70rem){
        .page{padding-top:3.5rem}
        .with-contents{max-width:74rem;display:grid;grid-template-columns:12rem minmax(0,1fr);gap:3.5rem}
        nav{position:sticky;top:3.75rem;align-self:start;margin:.55rem 0 0;max-height:calc(100vh - 6rem);overflow:auto}
        nav ol{flex-direction:column;gap:.1rem;white-space:normal;border-left:1px solid var(--line)}
        nav a{display:block;padding:.22rem 0 .22rem .95rem;line-height:1.35}}
        @media print{
        :root{--page:#fff;--card:#fff;--ink:#000;--soft:#222;--muted:#555;--line:#ccc;--hair:#ddd;--code:#f4f4f4}
        .page{max-width:none;padding:0;display:block}nav,.numbers{display:none}
        figure,.verdict,tr,.figures>div{break-inside:avoid}h2,h3{break-after:avoid}
        .scroll,pre{overflow:visible;max-height:none}pre,pre code{white-space:pre-wrap}
        details::details-content{content-visibility:visible;display:block}}
        """
}
