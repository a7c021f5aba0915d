package org.llminspector.tokenize.jinja;

import java.util.List;
import java.util.Set;
import org.llminspector.tokenize.jinja.runtime.JinjaError;

/** Cursor over a template's tokens. */
final class Tokens {

    private static final Set<String> RESERVED = Set.of("and", "or", "not", "in", "is", "if", "else", "elif");

    private final List<Token> all;
    private int next;

    /** @param all END last */
    Tokens(List<Token> all) {
        this.all = all;
    }

    Token peek() {
        return all.get(next);
    }

    Token take() {
        Token token = peek();
        if (next < all.size() - 1) next++;
        return token;
    }

    boolean finished() {
        return next == all.size() - 1;
    }

    boolean at(Token.Kind kind) {
        return peek().kind() == kind;
    }

    /** Whether the next token is a name that is not reserved. */
    boolean atName() {
        return at(Token.Kind.NAME) && !RESERVED.contains(peek().text());
    }

    /** Whether this word or operator is next. */
    boolean is(String word) {
        return is(word, peek());
    }

    /** Whether this word or operator is the one after the next. */
    boolean isAfter(String word) {
        return !finished() && is(word, all.get(next + 1));
    }

    private static boolean is(String word, Token token) {
        boolean plain = token.kind() == Token.Kind.NAME || token.kind() == Token.Kind.OPERATOR;
        return plain && token.text().equals(word);
    }

    /** Consumes this word or operator if it is next. */
    boolean takes(String word) {
        if (!is(word)) return false;
        take();
        return true;
    }

    void expect(String word) {
        if (!takes(word)) throw unexpected("'" + word + "'");
    }

    /** Consumes the end of an expression or statement. */
    void end() {
        if (!at(Token.Kind.END)) throw unexpected("its end");
        take();
    }

    /** Consumes a name, of a value or after a dot; reserved words are allowed there too. */
    String name() {
        if (!at(Token.Kind.NAME)) throw unexpected("a name");
        return take().text();
    }

    JinjaError unexpected(String expected) {
        String found = at(Token.Kind.END) ? "the end" : "'" + peek().text() + "'";
        return new JinjaError("expected " + expected + ", found " + found, peek().line(), false);
    }
}
