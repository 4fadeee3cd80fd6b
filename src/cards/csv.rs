//! Cards as CSV (RFC 4180).

use super::{Card, plain};

/// A header, and one record for each card. Sides are plain text; line breaks stand within quotes.
pub fn csv(cards: &[Card]) -> String {
    let mut out = record(&["lesson", "question", "kind", "front", "back", "tags"]);
    for card in cards {
        out += &record(&[
            card.lesson.id,
            &card.question,
            card.kind,
            &plain(&card.front),
            &plain(&card.back),
            &card.tags().join(" "),
        ]);
    }
    out
}

fn record(fields: &[&str]) -> String {
    let fields: Vec<String> = fields.iter().map(|text| field(text)).collect();
    fields.join(",") + "\r\n"
}

fn field(text: &str) -> String {
    match text.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_would_break_a_record_is_quoted() {
        let shown = super::record(&["a", "b, c", "say \"d\"", "e\nf", ""]);
        assert_eq!(shown, "a,\"b, c\",\"say \"\"d\"\"\",\"e\nf\",\r\n");
    }
}
