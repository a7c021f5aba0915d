package org.llminspector.web.report;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.zip.CRC32;
import java.util.zip.DeflaterOutputStream;
import org.llminspector.base.Tensor;

/** Writer of the report's HTML elements. All outside text is escaped. */
final class Html {

    private static final String STYLE =
            "body{font:16px/1.5 Georgia,serif;max-width:980px;margin:40px auto;padding:0 20px;color:#29251f;background:#faf7f0}"
                    + "h1{font-size:30px;font-weight:500}h1 i{font-size:20px;color:#6f675b}"
                    + "h2{font-size:21px;font-weight:500;margin:42px 0 8px}.lead{font-size:19px}"
                    + "table{border-collapse:collapse;font:14px/1.4 ui-monospace,Menlo,monospace;display:block;overflow-x:auto}"
                    + "th,td{text-align:left;padding:3px 18px 3px 0;border-bottom:1px solid #e3dccd;vertical-align:top;"
                    + "white-space:pre-wrap}th{font-weight:600;color:#575046}"
                    + ".maps{display:grid;grid-template-columns:repeat(auto-fill,minmax(280px,1fr));gap:14px 22px}"
                    + ".maps figure{margin:0}.maps figcaption{font:13px ui-monospace,Menlo,monospace;color:#575046}"
                    + ".maps img{width:100%;height:110px;image-rendering:pixelated;border:1px solid #e3dccd;background:#fff}"
                    + ".text{font-size:17px;line-height:1.75;white-space:pre-wrap;overflow-wrap:anywhere}"
                    + ".bar{height:6px;min-width:1px;border-radius:2px;background:#a124a1}.less{background:#2f6db3}"
                    + "pre{font:13px/1.45 ui-monospace,Menlo,monospace;padding:10px 14px;border:1px solid #e3dccd;"
                    + "border-radius:6px;background:#fff;overflow-x:auto}"
                    + ".other{border-bottom:2px solid #a124a1}.foot{margin-top:48px;font-size:14px;color:#6f675b}";

    private final StringBuilder html = new StringBuilder();

    Html open(String title) {
        return raw("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>")
                .text(title)
                .raw("</title><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><style>")
                .raw(STYLE)
                .raw("</style></head><body><main>");
    }

    String close() {
        return html.append("</main></body></html>\n").toString();
    }

    Html raw(String markup) {
        html.append(markup);
        return this;
    }

    Html text(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            switch (c) {
                case '&' -> html.append("&amp;");
                case '<' -> html.append("&lt;");
                case '>' -> html.append("&gt;");
                case '"' -> html.append("&quot;");
                default -> html.append(c);
            }
        }
        return this;
    }

    Html heading(String words) {
        return raw("<h2>").text(words).raw("</h2>");
    }

    Html paragraph(String words) {
        return raw("<p>").text(words).raw("</p>");
    }

    Html table(String... columns) {
        raw("<table><thead><tr>");
        for (String c : columns) raw("<th>").text(c).raw("</th>");
        return raw("</tr></thead><tbody>");
    }

    Html row(String... cells) {
        raw("<tr>");
        for (String c : cells) raw("<td>").text(c).raw("</td>");
        return raw("</tr>");
    }

    /** A table whose column {@code at} has a bar under each number, sized by {@code values}. */
    Html bars(String[] columns, int at, List<Double> values, List<String[]> rows) {
        double most = values.stream().mapToDouble(Math::abs).max().orElse(0);
        table(columns);
        for (int r = 0; r < rows.size(); r++) {
            raw("<tr>");
            for (int c = 0; c < columns.length; c++) {
                raw("<td>").text(rows.get(r)[c]);
                if (c == at && most > 0) {
                    double share = 100 * Math.abs(values.get(r)) / most;
                    String kind = values.get(r) < 0 ? "bar less" : "bar";
                    raw(String.format(Locale.ROOT, "<div class=\"%s\" style=\"width:%.1f%%\"></div>", kind, share));
                }
                raw("</td>");
            }
            raw("</tr>");
        }
        return end();
    }

    Html end() {
        return raw("</tbody></table>");
    }

    /** [layer, pos] as an image, a pixel per value, log scale from 10^-7 to 1. */
    Html heatmap(String name, Tensor values) {
        int rows = Math.toIntExact(values.shape()[0]);
        int cols = Math.toIntExact(values.shape()[1]);
        byte[] png = png(rows, cols, values);
        raw("<figure><img alt=\"relative L2 of ").text(name).raw(" by layer and token\" src=\"data:image/png;base64,");
        raw(Base64.getEncoder().encodeToString(png));
        return raw("\"><figcaption>").text(name).raw("</figcaption></figure>");
    }

    private static byte[] png(int rows, int cols, Tensor values) {
        ByteArrayOutputStream pixels = new ByteArrayOutputStream();
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        try (DeflaterOutputStream z = new DeflaterOutputStream(pixels)) {
            for (int r = 0; r < rows; r++) {
                z.write(0); // filter type: none
                for (int c = 0; c < cols; c++) {
                    double v = values.get((long) r * cols + c);
                    double t = !(v > 0) ? 0 : Math.min(1, Math.max(0.06, (Math.log10(v) + 7) / 7));
                    z.write(mix(255, 92, t));
                    z.write(mix(253, 12, t));
                    z.write(mix(249, 96, t));
                }
            }
            z.finish();
            file.write(new byte[] {(byte) 0x89, 'P', 'N', 'G', 13, 10, 26, 10});
            ByteArrayOutputStream head = new ByteArrayOutputStream();
            DataOutputStream fields = new DataOutputStream(head);
            fields.writeInt(cols);
            fields.writeInt(rows);
            fields.write(new byte[] {8, 2, 0, 0, 0}); // 8 bits a sample, RGB
            chunk(file, "IHDR", head.toByteArray());
            chunk(file, "IDAT", pixels.toByteArray());
            chunk(file, "IEND", new byte[0]);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return file.toByteArray();
    }

    private static int mix(int from, int to, double t) {
        return (int) Math.round(from + (to - from) * t);
    }

    private static void chunk(ByteArrayOutputStream file, String type, byte[] data) throws IOException {
        DataOutputStream out = new DataOutputStream(file);
        byte[] name = type.getBytes(StandardCharsets.US_ASCII);
        CRC32 crc = new CRC32();
        crc.update(name);
        crc.update(data);
        out.writeInt(data.length);
        out.write(name);
        out.write(data);
        out.writeInt((int) crc.getValue());
    }

    /** Four significant digits, very small and very large numbers in scientific notation; null is infinity. */
    static String number(Double x) {
        if (x == null) return "∞";
        if (x == 0) return "0";
        int exponent = exponent(x);
        if (exponent >= 6 || exponent < -3) return scaled(x, exponent, 3) + " × " + power(exponent);
        return String.format(Locale.ROOT, "%." + Math.max(0, 3 - exponent) + "f", x);
    }

    /** A value and its error with a common exponent, the error with two digits. */
    static String number(double x, double error) {
        int last = exponent(error) - 1; // the power of ten of the last significant digit
        int exponent = exponent(Math.max(Math.abs(x), error));
        boolean power = exponent >= 6 || exponent < -3;
        int decimals = Math.max(0, (power ? exponent : 0) - last);
        if (!power) return String.format(Locale.ROOT, "%." + decimals + "f ± %." + decimals + "f", x, error);
        return "(" + scaled(x, exponent, decimals) + " ± " + scaled(error, exponent, decimals) + ") × "
                + power(exponent);
    }

    /** A power of ten as such, any other value as a number. */
    static String threshold(double x) {
        return x > 0 && x < 9e-4 && Math.abs(x * Math.pow(10, -exponent(x)) - 1) < 1e-9
                ? power(exponent(x))
                : String.valueOf(x);
    }

    private static int exponent(double x) {
        return x == 0 ? 0 : (int) Math.floor(Math.log10(Math.abs(x)));
    }

    private static String scaled(double x, int exponent, int decimals) {
        return String.format(Locale.ROOT, "%." + decimals + "f", x * Math.pow(10, -exponent));
    }

    private static String power(int exponent) {
        String digits = "⁰¹²³⁴⁵⁶⁷⁸⁹";
        StringBuilder raised = new StringBuilder(exponent < 0 ? "10⁻" : "10");
        for (char c : String.valueOf(Math.abs(exponent)).toCharArray()) raised.append(digits.charAt(c - '0'));
        return raised.toString();
    }

    /** Two decimals; a value that rounds to zero has no sign. */
    static String percent(double share) {
        String text = String.format(Locale.ROOT, "%.2f %%", 100 * share);
        return text.equals("-0.00 %") ? "0.00 %" : text;
    }
}
