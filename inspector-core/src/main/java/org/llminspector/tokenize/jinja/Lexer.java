package org.llminspector.tokenize.jinja;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.llminspector.tokenize.jinja.runtime.JinjaError;
import org.llminspector.tokenize.jinja.runtime.Strings;

/** Tokenizer of templates by the rules of jinja2/lexer.py with trim_blocks and lstrip_blocks. */
final class Lexer {

    private static final int MAX_DEPTH = 100;
    private static final Pattern OPEN =
            Pattern.compile("\\{%[-+]?\\s*raw\\s*(?:-%\\}\\s*|%\\})|\\{[%{#][-+]?", Pattern.UNICODE_CHARACTER_CLASS);
    private static final Pattern RAW_END =
            Pattern.compile("\\{%([-+]?)\\s*endraw\\s*(?:\\+%\\}|-%\\}\\s*|%\\}\\n?)", Pattern.UNICODE_CHARACTER_CLASS);
    private static final Pattern NOTE_END =
            Pattern.compile("\\+#\\}|-#\\}\\s*|#\\}\\n?", Pattern.UNICODE_CHARACTER_CLASS);
    private static final Pattern BLOCK_END =
            Pattern.compile("\\+%\\}|-%\\}\\s*|%\\}\\n?", Pattern.UNICODE_CHARACTER_CLASS);
    private static final Pattern VALUE_END = Pattern.compile("-\\}\\}\\s*|\\}\\}", Pattern.UNICODE_CHARACTER_CLASS);
    private static final Pattern NAME = Pattern.compile("[\\p{L}_][\\p{L}\\p{N}_]*");
    private static final Pattern NUMBER = Pattern.compile("[0-9]+(\\.[0-9]+(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)?");
    private static final Pattern OPERATOR = Pattern.compile("[=!<>]=|//|[-+*/%~.,:|=<>()\\[\\]{}]");

    private final String in;
    private final List<Token> out = new ArrayList<>();
    private int at;
    private boolean lineStart = true;
    private int counted;
    private int lineCounted = 1;

    private Lexer(String template) {
        String text = template.replace("\r\n", "\n").replace('\r', '\n');
        this.in = text.endsWith("\n") ? text.substring(0, text.length() - 1) : text;
    }

    /** All tokens of a template, END last. */
    static List<Token> tokens(String template) {
        Lexer lexer = new Lexer(template);
        lexer.run();
        return lexer.out;
    }

    private void run() {
        Matcher open = OPEN.matcher(in);
        while (open.find(at)) {
            String mark = open.group();
            boolean raw = mark.contains("raw");
            boolean value = mark.startsWith("{{");
            text(
                    in.substring(at, open.start()),
                    mark.charAt(mark.startsWith("{%") && raw ? 2 : mark.length() - 1),
                    value);
            int line = line(open.start());
            at = open.end();
            lineStart = mark.endsWith("\n");
            if (raw) raw(line);
            else if (mark.startsWith("{#")) end(NOTE_END, "comment", line);
            else inside(value, line);
        }
        text(in.substring(at), ' ', true);
        emit(Token.Kind.END, "", line(in.length()));
    }

    /**
     * Emits the text before a tag: {@code -} removes its trailing whitespace, a statement or comment alone on a line
     * its indent.
     */
    private void text(String text, char sign, boolean value) {
        String kept = text;
        if (sign == '-') {
            kept = stripRight(text);
        } else if (sign != '+' && !value) {
            int line = text.lastIndexOf('\n') + 1;
            if ((line > 0 || lineStart) && Strings.strip(text.substring(line)).isEmpty())
                kept = text.substring(0, line);
        }
        if (kept.isEmpty()) return;
        emit(Token.Kind.TEXT, kept, line(at));
    }

    private void raw(int line) {
        Matcher end = RAW_END.matcher(in);
        if (!end.find(at)) throw new JinjaError("Missing end of raw directive", line, false);
        String sign = end.group(1);
        text(in.substring(at, end.start()), sign.isEmpty() ? ' ' : sign.charAt(0), false);
        at = end.end();
        lineStart = end.group().endsWith("\n");
    }

    private void end(Pattern pattern, String of, int line) {
        Matcher end = pattern.matcher(in);
        if (!end.find(at)) throw new JinjaError("Missing end of " + of + " tag", line, false);
        at = end.end();
        lineStart = end.group().endsWith("\n");
    }

    /** Tokens of a statement or an expression, until its end outside of brackets and strings. */
    private void inside(boolean value, int line) {
        emit(value ? Token.Kind.VALUE : Token.Kind.STATEMENT, value ? "{{" : "{%", line);
        Matcher end = (value ? VALUE_END : BLOCK_END).matcher(in);
        Deque<Character> open = new ArrayDeque<>();
        while (true) {
            if (at >= in.length()) throw new JinjaError("unexpected end of template", line, false);
            if (open.isEmpty() && end.region(at, in.length()).lookingAt()) break;
            char c = in.charAt(at);
            if (Strings.strip(String.valueOf(c)).isEmpty()) {
                at++;
            } else if (c == '\'' || c == '"') {
                emit(Token.Kind.STRING, string(line), line(at));
            } else if (Character.isLetter(c) || c == '_') {
                emit(Token.Kind.NAME, name(), line(at));
            } else if (c >= '0' && c <= '9') {
                Matcher number = taken(NUMBER);
                emit(number.group(1) == null ? Token.Kind.INTEGER : Token.Kind.FLOAT, number.group(), line(at));
            } else {
                operator(c, open);
            }
        }
        at = end.end();
        lineStart = end.group().endsWith("\n");
        emit(Token.Kind.END, "", line);
    }

    private void operator(char c, Deque<Character> open) {
        if ("([{".indexOf(c) >= 0) open.push(c == '(' ? ')' : c == '[' ? ']' : '}');
        else if (")]}".indexOf(c) >= 0 && (open.isEmpty() || open.pop() != c)) {
            throw new JinjaError("unexpected '" + c + "'", line(at), false);
        }
        if (open.size() > MAX_DEPTH) throw new JinjaError("brackets nested too deeply", line(at), false);
        if (in.startsWith("**", at)) throw new JinjaError("the operator ** is not supported", line(at), false);
        emit(Token.Kind.OPERATOR, taken(OPERATOR).group(), line(at));
    }

    /** The match at the current position; an unexpected character is an error. */
    private Matcher taken(Pattern pattern) {
        Matcher m = pattern.matcher(in).region(at, in.length());
        if (!m.lookingAt()) throw new JinjaError("unexpected char '" + in.charAt(at) + "'", line(at), false);
        at = m.end();
        return m;
    }

    private String name() {
        String name = taken(NAME).group();
        if (name.contains("__")) throw new JinjaError("the name '" + name + "' is not allowed", line(at), false);
        return name;
    }

    /** A Python string literal. */
    private String string(int line) {
        char quote = in.charAt(at);
        StringBuilder text = new StringBuilder();
        for (int i = at + 1; i < in.length(); i++) {
            char c = in.charAt(i);
            if (c == quote) {
                at = i + 1;
                return text.toString();
            }
            if (c == '\\' && i + 1 < in.length()) i = escape(i + 1, text, line);
            else text.append(c);
        }
        throw new JinjaError("a string without an end", line, false);
    }

    /** Returns the index of the escape's last character. */
    private int escape(int i, StringBuilder text, int line) {
        char c = in.charAt(i);
        int plain = "\n\\'\"abfnrtv".indexOf(c);
        int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
        if (plain == 0) return i; // line continuation
        if (plain > 0) {
            text.append("\n\\'\"\u0007\b\f\n\r\t\u000b".charAt(plain));
        } else if (digits > 0) {
            try {
                text.appendCodePoint(Integer.parseInt(in.substring(i + 1, i + 1 + digits), 16));
            } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
                throw new JinjaError("a broken escape in a string", line, false);
            }
            return i + digits;
        } else if (c >= '0' && c <= '7') {
            int end = i;
            while (end < i + 3 && end < in.length() && in.charAt(end) >= '0' && in.charAt(end) <= '7') end++;
            text.append((char) Integer.parseInt(in.substring(i, end), 8));
            return end - 1;
        } else {
            text.append('\\').append(c);
        }
        return i;
    }

    private void emit(Token.Kind kind, String text, int line) {
        out.add(new Token(kind, text, line));
    }

    /** The line of a position; ascending positions make it count each line break once. */
    private int line(int position) {
        if (position < counted) {
            counted = 0;
            lineCounted = 1;
        }
        for (; counted < position; counted++) if (in.charAt(counted) == '\n') lineCounted++;
        return lineCounted;
    }

    private static String stripRight(String text) {
        return Strings.stripRight(text, null);
    }
}
