//! The statistics in a terminal of 60 columns or more.

use super::{NEW, Readiness, Stats, WEAKEST};
use crate::cli::markdown::pad;
use crate::cli::{Session, clock, columns, wrap};
use crate::text::Lang;
use colored::Colorize;

/// From no day to the busiest one: they differ without colour too.
const LEVELS: [&str; 5] = ["·", "░", "▒", "▓", "█"];

pub fn text(stats: &Stats, session: &Session) -> String {
    let lang = session.lang;
    let mut out = String::new();
    let mut part = |title: &str, body: String| {
        if !out.is_empty() {
            out.push('\n');
        }
        out += &format!("{}\n{body}", title.bold());
    };
    part(lang.pick("Days", "学习日历"), days(stats, session));
    part(lang.pick("Due", "到期"), due(stats, session));
    part(lang.pick("Ready for", "准备程度"), ready(stats, session));
    if !stats.weakest.is_empty() {
        part(lang.pick("Weakest", "最薄弱"), weakest(stats, session));
    }
    out
}

fn days(stats: &Stats, session: &Session) -> String {
    let (lang, today) = (session.lang, stats.today);
    let (streak, longest) = (stats.activity.streak(today), stats.activity.longest());
    let mut out = lang.pick(
        format!("{streak} in a row; the longest run was {longest}\n\n"),
        format!("已连续 {streak} 天；最长连续 {longest} 天\n\n"),
    );
    if session.plain {
        return out + &days_in_words(stats, lang);
    }
    // Two columns a week beside the names of the days.
    let weeks = ((session.width - 6) / 2).min(53) as i64;
    let weekday = i64::from(clock::date(today).weekday().to_monday_zero_offset());
    let monday = today - weekday;
    let first = monday - 7 * (weeks - 1);
    out += &format!("    {}\n", months(first, weeks, lang));
    let names = lang.pick(
        ["Mon", "", "Wed", "", "Fri", "", "Sun"],
        ["一", "", "三", "", "五", "", "日"],
    );
    for (row, name) in names.iter().enumerate() {
        out += &pad(name, 4);
        for week in 0..weeks {
            let day = first + 7 * week + row as i64;
            if day <= today {
                let level = stats.activity.level(day);
                out += &match level {
                    0 => LEVELS[0].dimmed().to_string(),
                    level => LEVELS[level].green().to_string(),
                };
                out.push(' ');
            }
        }
        out.truncate(out.trim_end_matches(' ').len());
        out.push('\n');
    }
    let most = stats.activity.0.values().max().copied().unwrap_or(0);
    let scale = LEVELS.join(" ");
    out += &lang.pick(
        format!("    0 {scale} {most} on the busiest day\n"),
        format!("    0 {scale} {most}（最多的一天）\n"),
    );
    out
}

/// The days of the last two weeks on which something was done.
fn days_in_words(stats: &Stats, lang: Lang) -> String {
    let days = (stats.today - 13..=stats.today).rev();
    let days = days.filter(|day| stats.activity.on(*day) > 0);
    let line = |day| {
        let (date, count) = (clock::date(day), stats.activity.on(day));
        lang.pick(
            format!("{date}: {count} answers, checks or interviews\n"),
            format!("{date}：作答、检查与面试 {count} 次\n"),
        )
    };
    days.map(line).collect()
}

/// The months' names above the weeks in which they begin.
fn months(first: i64, weeks: i64, lang: Lang) -> String {
    const EN: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let mut line = String::new();
    for week in 0..weeks {
        let date = clock::date(first + 7 * week);
        // The month begins in this week, and the name before has ended.
        let begins = date.day() <= 7;
        let room = 2 * week as usize;
        if begins && columns(&line) <= room {
            let month = date.month();
            line = pad(&line, room);
            line += &lang.pick(EN[(month - 1) as usize].to_string(), format!("{month}月"));
            line.push(' ');
        }
    }
    line.trim_end().to_string()
}

fn due(stats: &Stats, session: &Session) -> String {
    let lang = session.lang;
    let (today, week) = (stats.due[0], stats.due.iter().sum::<usize>());
    let command = session.command("quiz");
    let line = lang.pick(
        format!("today {today}, within a week {week}: {command}\n"),
        format!("今天 {today}，一周内 {week}：{command}\n"),
    );
    wrap(&line, session.width, 0)
}

fn ready(stats: &Stats, session: &Session) -> String {
    let lang = session.lang;
    let about = lang.pick(
        format!("The share of a track's questions and exercises that you would remember; what was never asked counts as not known. Then: if you stop, and with a daily quiz ({NEW} new items a day)."),
        format!("该路线的题目与练习中预计还记得的比例，没做过的算不会。其后两组：不再复习，以及每天一轮测验（每天 {NEW} 个新项）。"),
    );
    let mut out = wrap(&about, session.width, 0) + "\n\n";
    if !session.plain {
        let head = lang.pick(
            [
                "",
                "asked",
                "tomorrow",
                "stop: 7 d",
                "30 d",
                "daily: 7 d",
                "30 d",
            ],
            [
                "",
                "做过",
                "明天",
                "停: 7 天",
                "30 天",
                "每天: 7 天",
                "30 天",
            ],
        );
        out += &row(head).dimmed().to_string();
        out.push('\n');
    }
    for Readiness {
        track,
        all,
        asked,
        rest,
        daily,
    } in &stats.tracks
    {
        let share = |share: f64| format!("{:.0} %", share * 100.0);
        let [tomorrow, stop7, stop30] = [rest[1], rest[7], rest[30]].map(share);
        let [daily7, daily30] = [daily[7], daily[30]].map(share);
        if session.plain {
            let id = track.id();
            out += &lang.pick(
                format!("{id}: {asked} of {all} asked; tomorrow {tomorrow}; if you stop, {stop7} in 7 days and {stop30} in 30; with a daily quiz, {daily7} in 7 days and {daily30} in 30\n"),
                format!("{id}：{all} 项中做过 {asked} 项；明天 {tomorrow}；停止后 7 天 {stop7}，30 天 {stop30}；每天测验则 7 天 {daily7}，30 天 {daily30}\n"),
            );
            continue;
        }
        let asked = format!("{asked}/{all}");
        let figures = [&asked, &tomorrow, &stop7, &stop30, &daily7, &daily30];
        let [asked, tomorrow, stop7, stop30, daily7, daily30] = figures.map(String::as_str);
        out += &row([track.id(), asked, tomorrow, stop7, stop30, daily7, daily30]);
        out.push('\n');
    }
    out
}

/// A row of the table of tracks: a name, and figures to the right.
fn row(cells: [&str; 7]) -> String {
    const WIDTHS: [usize; 7] = [11, 6, 9, 10, 6, 11, 7];
    let mut line = pad(cells[0], WIDTHS[0]);
    for (cell, width) in cells.iter().zip(WIDTHS).skip(1) {
        let space = width.saturating_sub(columns(cell));
        line += &format!("{}{cell}", " ".repeat(space));
    }
    line
}

fn weakest(stats: &Stats, session: &Session) -> String {
    let lang = session.lang;
    let mut out = String::new();
    for weak in stats.weakest.iter().take(WEAKEST) {
        let (cards, lapses) = (weak.cards, weak.lapses);
        let recall = weak.recall * 100.0;
        let line = lang.pick(
            format!("{recall:.0} % of {cards} cards, missed {lapses} times"),
            format!("{cards} 张卡片记得 {recall:.0} %，答错 {lapses} 次"),
        );
        let name = pad(weak.lesson, 26);
        out += &wrap(&format!("{}{line}", name.cyan()), session.width, 4);
        out.push('\n');
    }
    let weak = session.command(&format!("quiz {} --weak", stats.weakest[0].lesson));
    out + &lang.pick(format!("Begin with {weak}\n"), format!("先做 {weak}\n"))
}
