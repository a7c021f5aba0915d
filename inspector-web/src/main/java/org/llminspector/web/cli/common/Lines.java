package org.llminspector.web.cli.common;

import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import org.llminspector.base.Problem;

/** Terminal layout of problems, tables and sizes. */
public final class Lines {

    private Lines() {}

    /** Log level for short commands: warnings only. Call it before anything logs. */
    public static void warningsOnly() {
        System.setProperty("org.slf4j.simpleLogger.log.org.llminspector", "warn");
    }

    public static void print(Problem p, PrintWriter err) {
        err.println("inspector: " + p.what());
        part(err, "where", p.where());
        part(err, "expected", p.expected());
        part(err, "found", p.found());
        part(err, "instead", p.instead());
    }

    private static void part(PrintWriter err, String name, String text) {
        if (text != null) err.println("  " + String.format(Locale.ROOT, "%-9s", name) + " " + text);
    }

    /** Columns as wide as their widest cell, two spaces between; the first row is the heading. */
    public static void table(List<List<String>> rows, PrintWriter out) {
        int columns = rows.get(0).size();
        int[] widths = new int[columns];
        for (List<String> row : rows) {
            for (int c = 0; c < columns; c++)
                widths[c] = Math.max(widths[c], row.get(c).length());
        }
        for (List<String> row : rows) {
            StringBuilder line = new StringBuilder();
            for (int c = 0; c < columns; c++) {
                line.append(row.get(c)).append(" ".repeat(widths[c] - row.get(c).length() + 2));
            }
            out.println(line.toString().stripTrailing());
        }
    }

    /** A token's text on one line. */
    public static String token(String text) {
        return text.replace("\n", "\u21b5");
    }

    public static String count(long n) {
        if (n < 1_000_000) return String.format(Locale.ROOT, "%.1f K", n / 1e3);
        if (n < 1_000_000_000) return String.format(Locale.ROOT, "%.1f M", n / 1e6);
        return String.format(Locale.ROOT, "%.2f B", n / 1e9);
    }
}
