package org.llminspector.corpus;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.function.Predicate;
import java.util.zip.GZIPInputStream;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;

/** A .txt file: one document, or paragraphs separated by blank lines. */
final class TextFile {

    /** Most characters of one document. */
    static final int MOST = 256 << 20;

    private TextFile() {}

    /** Lines of a file in UTF-8, uncompressed if its name ends with .gz. Bytes that are no UTF-8 throw. */
    static BufferedReader open(Path file) throws IOException {
        InputStream bytes = Reads.stream(file);
        try {
            boolean packed = file.getFileName().toString().endsWith(".gz");
            InputStream in = packed ? new GZIPInputStream(bytes, 1 << 16) : bytes;
            return new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8.newDecoder()), 1 << 16);
        } catch (IOException e) {
            bytes.close();
            throw e;
        }
    }

    /** @return whether the reader wants more */
    static boolean read(Path file, String name, boolean paragraphs, Predicate<Document> reader) {
        try (BufferedReader lines = open(file)) {
            StringBuilder text = new StringBuilder();
            char[] piece = new char[1 << 16];
            if (!paragraphs) {
                for (int n = lines.read(piece); n >= 0; n = lines.read(piece)) add(text, piece, n, name);
                return text.isEmpty() || reader.test(new Document(name, text.toString()));
            }
            int number = 0;
            int from = 1;
            for (String line = line(lines, name); line != null; line = line(lines, name)) {
                number++;
                if (!line.isBlank()) {
                    if (text.isEmpty()) from = number;
                    else text.append('\n');
                    add(text, line.toCharArray(), line.length(), name);
                } else if (!text.isEmpty()) {
                    if (!reader.test(new Document(name + ":" + from, text.toString()))) return false;
                    text.setLength(0);
                }
            }
            return text.isEmpty() || reader.test(new Document(name + ":" + from, text.toString()));
        } catch (CharacterCodingException e) {
            throw Problem.invalid("the text is not UTF-8")
                    .where(file)
                    .expected("UTF-8")
                    .instead("convert it: iconv -f latin1 -t utf-8");
        } catch (IOException e) {
            throw Reads.unreadable(file, e);
        }
    }

    /** The next line without its end, of bounded length; null at the end of the file. */
    static String line(BufferedReader in, String name) throws IOException {
        int c = in.read();
        if (c < 0) return null;
        StringBuilder line = new StringBuilder();
        for (; c >= 0 && c != '\n'; c = in.read()) {
            if (line.length() == MOST) throw tooLong(name);
            line.append((char) c);
        }
        if (!line.isEmpty() && line.charAt(line.length() - 1) == '\r') line.setLength(line.length() - 1);
        return line.toString();
    }

    private static Problem tooLong(String name) {
        return Problem.tooLarge("a document is too long")
                .where(name)
                .expected("at most " + (MOST >> 20) + " Mi characters")
                .instead("split it, or take paragraphs as documents (--paragraphs)");
    }

    private static void add(StringBuilder text, char[] piece, int n, String name) {
        if (text.length() + n > MOST) throw tooLong(name);
        text.append(piece, 0, n);
    }
}
