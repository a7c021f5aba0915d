package org.llminspector.tokenize.file;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Which regular expressions of a tokenizer.json are known to take time that grows with the text only. */
public class SafePatternTest {

    private static final String END = "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

    @ParameterizedTest
    @ValueSource(
            strings = {
                // GPT-2, and those that took it over
                "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
                // Llama 3, GPT-4
                "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}" + END,
                "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r"
                        + "\\n"
                        + "\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]++[\\r"
                        + "\\n"
                        + "]*|\\s*[\\r"
                        + "\\n"
                        + "]|\\s+(?!\\S)|\\s+",
                // Qwen 2 and 3
                "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}" + END,
                // GPT-4o, Mistral's Tekken
                "[^\\r"
                        + "\\n"
                        + "\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\\r"
                        + "\\n"
                        + "\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}|"
                        + " ?[^\\s\\p{L}\\p{N}]+[\\r"
                        + "\\n"
                        + "/]*|\\s*[\\r"
                        + "\\n"
                        + "]+|\\s+(?!\\S)|\\s+",
                "[^\\r"
                        + "\\n"
                        + "\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|[^\\r"
                        + "\\n"
                        + "\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|\\p{N}|"
                        + " ?[^\\s\\p{L}\\p{N}]+[\\r"
                        + "\\n"
                        + "/]*|\\s*[\\r"
                        + "\\n"
                        + "]+|\\s+(?!\\S)|\\s+",
                // DeepSeek 3, DeepSeek Coder
                "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r"
                        + "\\n"
                        + "\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r"
                        + "\\n"
                        + "]*|\\s*[\\r"
                        + "\\n"
                        + "]+|\\s+(?!\\S)|\\s+",
                "[\\r\\n]",
                "\\s?\\p{L}+",
                "\\s?[!-/:-~\\uFF01-\\uFF0F]+",
                "[\\u4e00-\\u9fa5\\u3040-\\u309f\\u30a0-\\u30ff]+",
                "\\s+$",
                // BLOOM
                " ?[^(\\s|[.,!?\\u2026\\u3002\\uff0c\\u3001\\u0964\\u06d4\\u060c])]+",
                // normalizers
                " {2,}",
                "\\n",
                "[0-9][0-9][0-9]",
                "\\p{N}{1,3}",
            })
    void publishedOnesAre(String regex) {
        assertThat(SafePattern.whyUnproven(regex)).as(regex).isNull();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "(a+)+$",
                "(a*)*b",
                "(a|a)+$",
                "(?:a|b)*c",
                "a*a*b",
                "a*b",
                "\\s+x",
                ".*x",
                "[ab]*[bc]+d",
                "a*",
                "a?",
                "x|a{0}",
                "(?=a)",
                "(a)\\1",
                "(?<n>a)\\k<n>",
                "\\R",
                "(?~a)",
                "a{9999}",
                "(?:a{0,8}){0,8}",
                "a{0,60}a{0,60}b",
                "((((((((((a))))))))))",
                "a++b",
                "a**",
                "[a",
                "(a",
                "a)",
                "\\p{L",
                "\\x{",
            })
    void othersAreNot(String regex) {
        assertThat(SafePattern.whyUnproven(regex)).as(regex).isNotNull();
    }

    @Test
    void theSameCharactersMustBeTakenByAnotherBranch() {
        assertThat(SafePattern.whyUnproven("\\s*[\\r\\n]+")).isNotNull();
        assertThat(SafePattern.whyUnproven("\\s*[\\r\\n]+|x\\s+")).isNotNull();
        assertThat(SafePattern.whyUnproven("\\s*[\\r\\n]+|[ \\t]+")).isNotNull();
        assertThat(SafePattern.whyUnproven("\\s*[\\r\\n]+|[\\s\\d]+")).isNull();
    }
}
