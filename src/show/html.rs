//! A run as a table of its own, for notebooks and pages.

use super::summary::si;
use super::{Summary, Traced};

/// A self-contained HTML fragment: one table, its style inside, no script.
pub fn html(run: &Traced) -> String {
    let sizes = run.sizes();
    let sizes: Vec<String> = sizes
        .iter()
        .map(|(name, size)| format!("{name}={size}"))
        .collect();
    let mut out = format!(
        "<table class=\"llmlab-trace\" style=\"border-collapse:collapse;font-family:monospace\">\n<caption style=\"text-align:left\"><b>{}</b> {}</caption>\n<thead><tr>",
        escape(run.lesson.id),
        escape(&sizes.join(" ")),
    );
    let cell = "style=\"text-align:left;padding:2px 8px;border-bottom:1px solid #8884\"";
    for title in [
        "", "step", "formula", "axes", "sizes", "FLOP", "values", "note",
    ] {
        out += &format!("<th {cell}>{title}</th>");
    }
    out += "</tr></thead>\n<tbody>\n";
    for (i, step) in run.trace.steps().iter().enumerate() {
        let flops = match step.flops {
            0 => String::new(),
            flops => si(flops as f64, "FLOP"),
        };
        let cells = [
            (i + 1).to_string(),
            format!("<b>{}</b>", escape(&step.name)),
            escape(&step.formula),
            escape(&step.spec.replace("->", "→")),
            format!("{:?}", step.value.shape()),
            flops,
            escape(&Summary::of(&step.value).words()),
            escape(step.note.as_deref().unwrap_or_default()),
        ];
        out += "<tr>";
        for text in cells {
            out += &format!("<td {cell}>{text}</td>");
        }
        out += "</tr>\n";
    }
    out + "</tbody>\n</table>\n"
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
