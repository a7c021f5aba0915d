package org.llminspector.tokenize.file;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Proof that splitting a text with a regular expression of a tokenizer.json takes linear time. Hugging Face's library
 * backtracks (Oniguruma), so that {@code (a+)+$} on 44 letters ends the process.
 *
 * <p>Accepted is an alternation of branches in which at most one unbounded item ({@code \p{L}+}) can be backtracked
 * into: the rest of its branch can be empty, or another branch matches all the same characters ({@code \s*[\r\n]+} next
 * to {@code \s+}). The expressions of published tokenizers are of this kind.
 */
public final class SafePattern {

    private static final int MAX_CHARACTERS = 4_000;
    private static final int MAX_WIDTH = 64;
    private static final int MAX_CHOICES = 1_000;
    private static final int ENDLESS = -1;

    /** DeepSeek's; quadratic only in a run of many thousands of spaces within a text. */
    private static final List<String> PUBLISHED = List.of("\\s+$");

    /**
     * One item of a branch.
     *
     * @param chars its character class, as written; null for a group or an assertion
     * @param min fewest characters
     * @param max most characters, or ENDLESS
     * @param choices number of ways to match it; 1 where backtracking is impossible
     * @param assertion matches no characters, and may fail
     */
    private record Item(String chars, int min, int max, long choices, boolean assertion) {}

    private static final class Unproven extends Exception {
        Unproven(String why) {
            super(why);
        }
    }

    private final String regex;
    private int at;

    private SafePattern(String regex) {
        this.regex = regex;
    }

    /** Why the expression is not proven safe; null when it is. */
    static String whyUnproven(String regex) {
        if (regex.isEmpty()) return "it is empty";
        if (regex.length() > MAX_CHARACTERS) return "it has " + regex.length() + " characters";
        if (PUBLISHED.contains(regex)) return null;
        try {
            SafePattern pattern = new SafePattern(regex);
            List<List<Item>> branches = pattern.alternation(0);
            if (pattern.at < regex.length()) return "it has a ) too many";
            for (List<Item> branch : branches) check(branch, branches);
            return null;
        } catch (Unproven e) {
            return e.getMessage();
        } catch (StringIndexOutOfBoundsException e) {
            return "it ends too early";
        }
    }

    private static void check(List<Item> branch, List<List<Item>> all) throws Unproven {
        if (branch.stream().allMatch(i -> i.min() == 0))
            throw new Unproven("it matches nothing at all, and everywhere");
        int first = endless(branch);
        long width = 0;
        long choices = 1;
        for (Item i : first < 0 ? branch : branch.subList(0, first)) {
            width += i.max();
            choices *= i.choices();
            if (width > MAX_WIDTH || choices > MAX_CHOICES) throw new Unproven("it counts too far");
        }
        if (first < 0) return;
        List<Item> rest = branch.subList(first + 1, branch.size());
        List<Item> mayFail =
                rest.stream().filter(i -> i.assertion() || i.min() > 0).toList();
        if (mayFail.isEmpty()) return;
        boolean one = mayFail.size() == 1 && rest.get(0).equals(mayFail.get(0));
        if (!one) throw new Unproven("after something endless several parts must follow");
        if (rest.get(0).chars() == null && !rest.get(0).assertion())
            throw new Unproven("a group follows something endless");
        String given = branch.get(first).chars();
        if (all.stream().noneMatch(other -> takes(other, given))) {
            throw new Unproven("what " + given + " took is given back one by one, and no other branch takes it");
        }
    }

    private static int endless(List<Item> branch) {
        for (int i = 0; i < branch.size(); i++) if (branch.get(i).max() == ENDLESS) return i;
        return -1;
    }

    /** Whether a branch matches the whole rest of a run of these characters, wherever it begins in the run. */
    private static boolean takes(List<Item> branch, String chars) {
        int first = endless(branch);
        if (first < 0) return false;
        boolean before = branch.subList(0, first).stream().allMatch(i -> i.min() == 0 && !i.assertion());
        boolean after = branch.subList(first + 1, branch.size()).stream().allMatch(i -> i.min() == 0 && !i.assertion());
        return before && after && contains(branch.get(first).chars(), chars);
    }

    private static boolean contains(String larger, String smaller) {
        if (larger.equals(smaller)) return true;
        try {
            Pattern a = Pattern.compile(larger, Pattern.UNICODE_CHARACTER_CLASS);
            Pattern b = Pattern.compile(smaller, Pattern.UNICODE_CHARACTER_CLASS);
            for (int c = 0; c <= Character.MAX_CODE_POINT; c++) {
                if (c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE) continue;
                String one = Character.toString(c);
                if (b.matcher(one).matches() && !a.matcher(one).matches()) return false;
            }
            return true;
        } catch (PatternSyntaxException e) {
            return false;
        }
    }

    private boolean has(String what) {
        return regex.startsWith(what, at);
    }

    private List<List<Item>> alternation(int depth) throws Unproven {
        if (depth > 8) throw new Unproven("its groups lie too deep");
        List<List<Item>> branches = new ArrayList<>();
        List<Item> branch = new ArrayList<>();
        branches.add(branch);
        while (at < regex.length() && regex.charAt(at) != ')') {
            if (regex.charAt(at) == '|') {
                at++;
                branch = new ArrayList<>();
                branches.add(branch);
            } else if (depth == 0 && at == 0 && has("(?i)")) {
                at += 4;
            } else {
                branch.add(quantified(atom(depth)));
            }
        }
        return branches;
    }

    private Item atom(int depth) throws Unproven {
        int from = at;
        char c = regex.charAt(at++);
        return switch (c) {
            case '(' -> group(depth);
            case '[' -> {
                at = endOfClass(from);
                yield chars(from);
            }
            case '\\' -> escape(from);
            case '^', '$' -> new Item(null, 0, 0, 1, true);
            case '*', '+', '?', '{' -> throw new Unproven("a quantifier stands alone");
            default -> {
                if (Character.isHighSurrogate(c)) at++;
                yield chars(from);
            }
        };
    }

    private Item chars(int from) {
        return new Item(regex.substring(from, at), 1, 1, 1, false);
    }

    private Item escape(int from) throws Unproven {
        char e = regex.charAt(at++);
        if ("bBAzZG".indexOf(e) >= 0) return new Item(null, 0, 0, 1, true);
        if (Character.isDigit(e) || "kgKRXQE".indexOf(e) >= 0) throw new Unproven("it has \\" + e);
        if ((e == 'p' || e == 'P' || e == 'x') && regex.charAt(at) == '{') at = regex.indexOf('}', at) + 1;
        else if (e == 'x') at += 2;
        else if (e == 'u') at += 4;
        if (at <= from || at > regex.length()) throw new Unproven("it ends too early");
        return chars(from);
    }

    /** The index after the bracket that closes the one at {@code from}; sets may be nested. */
    private int endOfClass(int from) throws Unproven {
        int deep = 0;
        for (int i = from; i < regex.length(); i++) {
            char c = regex.charAt(i);
            if (c == '\\') i++;
            else if (c == '[') deep++;
            else if (c == ']' && --deep == 0) return i + 1;
        }
        throw new Unproven("a [ is not closed");
    }

    private Item group(int depth) throws Unproven {
        boolean assertion = false;
        if (has("?=") || has("?!")) {
            assertion = true;
            at += 2;
        } else if (has("?<=") || has("?<!")) {
            assertion = true;
            at += 3;
        } else if (has("?:") || has("?>")) {
            at += 2;
        } else if (has("?i:")) {
            at += 3;
        } else if (has("?")) {
            throw new Unproven("it has a group of another kind than (?: (?i: (?> (?= (?! (?<= (?<!");
        }
        List<List<Item>> branches = alternation(depth + 1);
        if (at >= regex.length()) throw new Unproven("a ( is not closed");
        at++;
        int min = Integer.MAX_VALUE;
        int max = 0;
        long choices = 0;
        for (List<Item> branch : branches) {
            int least = 0;
            int most = 0;
            long ways = 1;
            for (Item i : branch) {
                if (i.max() == ENDLESS) throw new Unproven("something endless stands in a group");
                least += i.min();
                most += i.max();
                ways *= i.choices();
                if (most > MAX_WIDTH || ways > MAX_CHOICES) throw new Unproven("it counts too far");
            }
            min = Math.min(min, least);
            max = Math.max(max, most);
            choices += ways;
        }
        if (choices > MAX_CHOICES) throw new Unproven("it counts too far");
        return assertion ? new Item(null, 0, 0, choices, true) : new Item(null, min, max, choices, false);
    }

    private Item quantified(Item item) throws Unproven {
        if (at >= regex.length()) return item;
        int least;
        int most;
        char c = regex.charAt(at);
        if (c == '?' || c == '*' || c == '+') {
            at++;
            least = c == '+' ? 1 : 0;
            most = c == '?' ? 1 : ENDLESS;
        } else if (c == '{') {
            int end = regex.indexOf('}', at);
            String[] range =
                    end < 0 ? new String[0] : regex.substring(at + 1, end).split(",", -1);
            boolean numbers = range.length >= 1 && range.length <= 2;
            for (String r : range) numbers &= r.matches("[0-9]{0,4}");
            if (!numbers || range[0].isEmpty()) throw new Unproven("it has a { that counts nothing");
            at = end + 1;
            least = Integer.parseInt(range[0]);
            most = range.length == 1 ? least : range[1].isEmpty() ? ENDLESS : Integer.parseInt(range[1]);
            if (most != ENDLESS && most < least) throw new Unproven("it counts backwards");
        } else {
            return item;
        }
        if (at < regex.length() && (regex.charAt(at) == '+' || regex.charAt(at) == '?')) at++; // possessive, or lazy
        if (at < regex.length() && "*+?{".indexOf(regex.charAt(at)) >= 0)
            throw new Unproven("a quantifier stands on another");
        if (item.assertion()) throw new Unproven("an assertion is repeated");
        if (most == ENDLESS) {
            if (item.chars() == null) throw new Unproven("a group is repeated without end");
            if (least > MAX_WIDTH) throw new Unproven("it counts too far");
            return new Item(item.chars(), least, ENDLESS, 1, false);
        }
        long width = (long) item.max() * most;
        double ways = Math.pow((double) item.choices(), most) * (most - least + 1);
        if (width > MAX_WIDTH || ways > MAX_CHOICES) throw new Unproven("it counts too far");
        return new Item(item.chars(), item.min() * least, (int) width, (long) ways, false);
    }
}
