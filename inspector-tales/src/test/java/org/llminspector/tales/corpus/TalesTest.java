package org.llminspector.tales.corpus;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.tales.plot.Tale;
import org.llminspector.tales.question.Question;
import org.llminspector.tales.question.Questions;
import org.llminspector.tales.words.ChoiceSource;
import org.llminspector.tales.words.Person;
import org.llminspector.tales.words.Words;
import org.llminspector.tokenize.Token;
import org.llminspector.tokenize.Tokenizer;
import org.llminspector.train.corpus.Corpus.Choice;
import org.llminspector.train.corpus.Corpus.Span;
import org.llminspector.train.corpus.Corpus.Split;
import org.llminspector.train.corpus.Exchange;

@Tag("stories")
class TalesTest {

    private static final Tales TALES = new Tales(1);
    private static final List<Tale> MANY =
            LongStream.range(0, 1500).mapToObj(i -> TALES.tale(Split.TRAIN, i)).toList();

    @Test
    void aStoryIsAFunctionOfSeedSplitAndIndex() {
        assertThat(new Tales(1).document(Split.TRAIN, 7)).isEqualTo(MANY.get(7).text());
        assertThat(new Tales(2).document(Split.TRAIN, 7))
                .isNotEqualTo(MANY.get(7).text());
        assertThat(TALES.document(Split.HELD_OUT, 7)).isNotEqualTo(MANY.get(7).text());
    }

    @Test
    void noTwoAreAlike() {
        Set<String> texts = new HashSet<>();
        for (Tale t : MANY) assertThat(texts.add(t.text())).as(t.text()).isTrue();
        for (int i = 0; i < 500; i++)
            assertThat(texts.add(TALES.document(Split.HELD_OUT, i))).isTrue();
    }

    @Test
    void textIsPlainAndWellFormed() {
        Pattern article = Pattern.compile("\\b([Aa]n?) ([a-z])");
        for (Tale t : MANY) {
            String text = t.text();
            assertThat(text)
                    .matches("(?s)[\\x20-\\x7e\\n]+")
                    .doesNotContain("  ")
                    .doesNotContainPattern("[{}\\[\\]|]");
            assertThat(t.words()).isBetween(Tales.LEAST_WORDS, Tales.MOST_WORDS).isEqualTo(text.split("\\s+").length);
            for (String paragraph : text.split("\n\n")) {
                assertThat(paragraph).as(text).matches("(?s)[A-Z\"].*[.!?]\"?");
                assertThat(paragraph.chars().filter(c -> c == '"').count() % 2)
                        .as(paragraph)
                        .isZero();
            }
            for (Matcher m = article.matcher(text); m.find(); ) {
                boolean vowel = "aeiou".contains(m.group(2));
                assertThat(m.group(1).length() == 2)
                        .as(m.group() + " in " + text)
                        .isEqualTo(vowel);
            }
        }
    }

    @Test
    void onlyTheCastIsNamed() {
        Set<String> all = MANY.stream()
                .flatMap(t -> t.cast().stream())
                .filter(Person::named)
                .map(Person::name)
                .collect(Collectors.toSet());
        for (Tale t : MANY) {
            Set<String> own = t.cast().stream().map(Person::name).collect(Collectors.toSet());
            for (Matcher m = Pattern.compile("[A-Z][a-z]+").matcher(t.text()); m.find(); ) {
                if (all.contains(m.group())) assertThat(own).as(t.text()).contains(m.group());
            }
        }
    }

    @Test
    void everyQuestionHasOneAnswerAndTheStorySaysIt() {
        for (int i = 0; i < MANY.size(); i++) {
            Tale t = MANY.get(i);
            Set<String> asked = new HashSet<>();
            ChoiceSource dice = new ChoiceSource(1, 99, i);
            List<Question> all = i % 2 == 0 ? Questions.of(t, dice) : Questions.inStoryWords(t, dice);
            for (Question q : all) {
                assertThat(asked.add(q.text())).as(q.text()).isTrue();
                assertThat(q.text()).matches("[A-Z].*\\?");
                assertThat(q.statement()).contains(q.key()).matches(".*[.!]");
                assertThat(q.wrong()).isNotEmpty().doesNotContain(q.key());
                assertThat(q.falseAnswer(new ChoiceSource(1, 98, i))).isNotEqualTo(q.answer());
                boolean literal =
                        switch (q.kind()) {
                            case WHERE, WHO, HOW_MANY, SAY -> true;
                            default -> false;
                        };
                String noun = q.key().substring(q.key().lastIndexOf(' ') + 1);
                if (literal) assertThat(t.text()).as(q.toString()).containsIgnoringCase(noun);
            }
        }
    }

    /**
     * An answer's number is found by the neighbouring words; quizzes, which the base was trained on, ask differently.
     */
    @Test
    void howManyIsAskedInConversationsWithTheWordsOfTheStory() {
        int found = 0;
        int intoThePot = 0;
        for (int i = 0; i < MANY.size(); i++) {
            String story = MANY.get(i).text();
            Set<String> quiz = Questions.of(MANY.get(i), new ChoiceSource(1, 99, i)).stream()
                    .map(Question::text)
                    .collect(Collectors.toSet());
            for (Question q : Questions.inStoryWords(MANY.get(i), new ChoiceSource(1, 99, i))) {
                assertThat(q.text() + q.answer()).doesNotContain("gather");
                if (q.kind() != Question.Kind.HOW_MANY || quiz.contains(q.text())) continue;
                if (q.text().endsWith(" went into the pot?")) {
                    intoThePot++;
                    assertThat(q.answer()).isEqualTo(Words.capital(q.key()) + " went into the pot.");
                    assertThat(Stream.of(story.split("[.] ")).filter(x -> x.matches("(?s).*\\b[Ii]nto the pot\\b.*")))
                            .as(story)
                            .anySatisfy(x -> assertThat(x).contains(q.key()));
                } else {
                    found++;
                    assertThat(q.answer()).contains(" found " + q.key());
                }
            }
        }
        assertThat(found).isGreaterThan(150);
        assertThat(intoThePot).isGreaterThan(50);
    }

    @Test
    void conversationsAreFunctionsOfTheirIndexAndAllKindsAreAskedFirst() {
        TalesChat chat = new TalesChat(3);
        Set<Question.Kind> kinds = new HashSet<>();
        int requests = 0;
        for (int i = 0; i < 300; i++) {
            List<Exchange> turns = chat.conversation(Split.TRAIN, i);
            assertThat(turns).isEqualTo(new TalesChat(3).conversation(Split.TRAIN, i));
            if (turns.size() == 1) requests++;
            var p = chat.preference(Split.TRAIN, i);
            assertThat(p.better()).isNotEqualTo(p.worse());
            kinds.add(Questions.drawn(Questions.of(MANY.get(i), new ChoiceSource(3, 2, i)), new ChoiceSource(3, 1, i))
                    .kind());
        }
        assertThat(kinds).containsExactlyInAnyOrder(Question.Kind.values());
        assertThat(requests).isBetween(10, 45); // of 300, 8 in 100
    }

    @Test
    void pairsAreOfTwoAnswers() {
        TalesChat chat = new TalesChat(1);
        for (int i = 0; i < 3_000; i++) {
            var p = chat.preference(Split.TRAIN, i);
            assertThat(p.better()).as("pair %d", i).isNotEqualTo(p.worse());
        }
    }

    @Test
    void aConversationAsksAboutOneStoryAndNothingTwice() {
        TalesChat chat = new TalesChat(3);
        for (int i = 0; i < 300; i++) {
            List<Exchange> turns = chat.conversation(Split.HELD_OUT, i);
            Set<String> answers = new HashSet<>();
            for (int t = 0; t < turns.size(); t++) {
                assertThat(turns.get(t).user().contains("\n\n")).as("turn " + t).isEqualTo(t == 0 && turns.size() > 1);
                String fact = turns.get(t).assistant().replaceAll(", so (yes|no)[.]$", ".");
                assertThat(answers.add(Words.capital(fact)))
                        .as(turns.toString())
                        .isTrue();
            }
        }
    }

    /** Whether a name is a girl's or a boy's is never left to chance, nor what a trade is. */
    @Test
    void whoIsSheIsInTheName() {
        for (Tale t : MANY) {
            for (Person p : t.cast()) {
                boolean she =
                        switch (p.sort()) {
                            case NAMED -> Words.GIRLS.contains(p.name());
                            case FAMILY -> Words.WOMEN.contains(p.name());
                            case NEIGHBOUR -> Words.HER_TRADES.contains(p.kind());
                        };
                assertThat(p.she()).as(p.toString()).isEqualTo(she);
            }
        }
        assertThat(Words.GIRLS).hasSize(32).doesNotHaveDuplicates().doesNotContainAnyElementsOf(Words.BOYS);
        assertThat(Words.BOYS).hasSize(32).doesNotHaveDuplicates();
    }

    /** What is determined lies in the text, in order, and is there where a name is said again. */
    @Test
    void whatFollowsFromTheTextIsKnown() {
        int again = 0;
        for (int i = 0; i < 200; i++) {
            Tale t = MANY.get(i);
            int at = 0;
            for (Span span : TALES.determined(Split.TRAIN, i)) {
                assertThat(span.from()).isGreaterThanOrEqualTo(at);
                assertThat(span.to())
                        .isGreaterThan(span.from())
                        .isLessThanOrEqualTo(t.text().length());
                at = span.to();
                if (t.text().substring(span.from(), span.to()).contains(t.hero().name())) again++;
            }
        }
        assertThat(again).isGreaterThan(800);
    }

    /** Games are for training alone, and what they say again is what they said before. */
    /** From one document on stories say what their words were drawn from: each as often the first of the list as the last. */
    @Test
    void whatWasDrawnIsTold() {
        for (long i : new long[] {0, 300_000, 599_999})
            assertThat(TALES.choices(Split.TRAIN, i)).isEmpty();
        assertThat(TALES.choices(Split.HELD_OUT, 600_000)).isEmpty();
        Map<String, Integer> kinds = new TreeMap<>();
        double ranks = 0;
        int seen = 0;
        for (long i = Tales.DRAWN; i < Tales.DRAWN + 1_000; i++) {
            Tale tale = TALES.tale(Split.TRAIN, i);
            int before = 0;
            for (Choice choice : tale.choices()) {
                int from = choice.word().from();
                assertThat(from).isGreaterThanOrEqualTo(before);
                before = choice.word().to();
                String word = tale.text().substring(from, before);
                List<String> all = choice.drawnFrom();
                assertThat(all).contains(word);
                String kind = kind(all.get(0));
                kinds.merge(kind, 1, Integer::sum);
                if (kind.equals("way to say it")) continue; // two can begin alike
                assertThat(all).doesNotHaveDuplicates();
                ranks += (all.indexOf(word) + 0.5) / all.size();
                seen++;
                if (kind.equals("looks")) {
                    String article = tale.text().substring(0, from).replaceFirst("(?s).* (?=\\w+ $)", "");
                    for (String other : all)
                        if (article.matches("an? ")) assertThat(Words.a(other)).startsWith(article);
                }
                if (!kind.equals("name") && !kind.equals("place")) continue;
                String told = tale.text().substring(0, from);
                if (told.contains("Say after me")) continue; // words that are nothing's names
                for (String other : all) {
                    String name = kind.equals("place") ? "the " + other : other;
                    assertThat(told).as("used up").doesNotContainPattern("\\b" + name + "\\b");
                }
            }
        }
        assertThat(ranks / seen).isBetween(0.49, 0.51);
        assertThat(kinds.keySet())
                .containsExactlyInAnyOrder(
                        "name",
                        "place",
                        "thing",
                        "looks",
                        "nature",
                        "animal",
                        "trade",
                        "sort",
                        "magic",
                        "way to say it");
        assertThat(kinds.values()).allMatch(n -> n > 100);
    }

    private static String kind(String word) {
        if (Words.GIRLS.contains(word) || Words.BOYS.contains(word)) return "name";
        if (Words.PLACES.stream().anyMatch(p -> p.noun().equals(word))) return "place";
        if (Words.THINGS.stream().anyMatch(t -> t.noun().equals(word))) return "thing";
        if (Words.THING_ADJECTIVES.contains(word)) return "looks";
        if (Words.TRAITS.contains(word)) return "nature";
        if (Words.ANIMALS.contains(word)) return "animal";
        if (Words.TRADES.contains(word)) return "trade";
        boolean sort = Stream.of(Words.FOODS, Words.FINDS, Words.CREATURES)
                .flatMap(List::stream)
                .anyMatch(g -> g.one().equals(word) || g.many().equals(word));
        if (sort) return "sort";
        return Words.MAGIC.contains(word.toLowerCase(Locale.ROOT)) ? "magic" : "way to say it";
    }

    /**
     * The spans that count more in the last stage are determined by the words before them, independent of the drawn
     * word.
     */
    @Test
    void whatCountsInTheLastStageIsChosenByWhatStandsBeforeIt() {
        Pattern place = Pattern.compile("(?:walked|ran|went|marched|skipped|danced)[a-z ]* to the (\\w+)\\.");
        Pattern name = Pattern.compile(" named (\\w+)");
        int seen = 0;
        for (long i = Tales.DRAWN; i < Tales.DRAWN + 300; i++) {
            Tale tale = TALES.tale(Split.TRAIN, i);
            Set<Span> counted = new HashSet<>(tale.determined());
            for (Pattern slot : List.of(place, name)) {
                for (Matcher m = slot.matcher(tale.text()); m.find(); seen++) {
                    assertThat(counted).as(m.group()).contains(new Span(m.start(1), m.end(1)));
                }
            }
            for (Matcher m = Pattern.compile("\\b(\\w+) (?:said|asked|felt)\\b").matcher(tale.text()); m.find(); ) {
                assertThat(counted).as("a name or a pronoun").doesNotContain(new Span(m.start(1), m.end(1)));
            }
        }
        assertThat(seen).isGreaterThan(800);
    }

    @Test
    void gamesSayRowsAndTheirPartsAgain() {
        assertThat(games(14_000, 14_600)).isZero();
        assertThat(games(14_600, 15_100)).isBetween(250, 350); // 60 in 100
        assertThat(games(20_258, 20_758)).isBetween(250, 350);
        assertThat(games(24_513, 25_013)).isZero(); // bare
        assertThat(games(30_000, 31_000)).isBetween(10, 55); // 3 in 100
        String bare = LongStream.range(24_513, 24_600)
                .mapToObj(i -> TALES.document(Split.TRAIN, i))
                .filter(text -> !text.contains("."))
                .findFirst()
                .orElseThrow();
        String[] words = bare.split(" ");
        for (int i = 0; i < words.length / 2; i++)
            assertThat(words[words.length / 2 + i]).isEqualTo(words[i]);
    }

    /** Later games: rows of any words, which no list of names or things has, and sums, all of them right. */
    @Test
    void laterGamesAreOfAnyWordsAndOfSums() {
        List<String> rows = LongStream.range(58_000, 58_400)
                .mapToObj(i -> TALES.document(Split.TRAIN, i))
                .filter(text -> !text.contains("."))
                .toList();
        assertThat(rows).hasSizeBetween(60, 130); // 24 in 100
        assertThat(String.join(" ", rows).split(" ")).contains("the", "said", "home", "Mia", "twelve");
        Pattern sum = Pattern.compile(
                "What is (\\w+) (and|less) (\\w+)\\?\" asked \\w+\\. \"\\w+ \\w+ \\w+ (?:make|is) (\\w+),");
        Pattern change = Pattern.compile(
                "had (\\w+) \\w+\\. \\w+ (found|ate|gave away) (\\w+) \\w+[.,] (?:Now \\w+ had|and) (\\w+) \\w+");
        int sums = 0;
        for (long i = 60_000; i < 60_400; i++) {
            String text = TALES.document(Split.TRAIN, i);
            if (!text.contains(" counted. ") || text.contains("\n")) continue;
            for (Pattern way : List.of(sum, change)) {
                for (MatchResult m : way.matcher(text).results().toList()) {
                    boolean plus = Set.of("and", "found").contains(m.group(2));
                    int b = number(m.group(3));
                    assertThat(number(m.group(4))).as(m.group()).isEqualTo(number(m.group(1)) + (plus ? b : -b));
                    sums++;
                }
            }
            assertThat(TALES.determined(Split.TRAIN, i))
                    .hasSizeBetween(6, 12)
                    .allSatisfy(span -> number(text.substring(span.from(), span.to())));
        }
        assertThat(sums).isGreaterThan(150);
    }

    /** Only the training split's mid-training has quizzes, in every stretch; they answer consistently. */
    @ParameterizedTest
    @ValueSource(longs = {200_000, 205_000, 208_100, 211_100, 212_800, 216_100})
    void quizzesAnswerWhatTheySaid(long from) {
        Pattern sentence = Pattern.compile("(?:\\n|, )(\\w+) was an? (\\w+)(?:, so (?:yes|no))?\\.");
        Pattern bare = Pattern.compile("\\n([A-Z]\\w+) ([a-z]+)(?=\\n|$)");
        int answers = 0;
        for (long i = from; i < from + 120; i++) {
            String text = TALES.document(Split.TRAIN, i);
            assertThat(TALES.document(Split.HELD_OUT, i)).doesNotContain("Who is who?", "Who was who?", "Listen and");
            if (!text.startsWith("Who")) continue;
            List<Span> known = TALES.determined(Split.TRAIN, i);
            for (Pattern way : List.of(sentence, bare)) {
                for (MatchResult m : way.matcher(text).results().toList()) {
                    String before = text.substring(0, m.start());
                    assertThat(told(m.group(1), m.group(2), before))
                            .as(m.group() + " in " + text)
                            .isTrue();
                    assertThat(known).anyMatch(s -> s.from() <= m.start(2) && m.end(2) <= s.to());
                    answers++;
                }
            }
        }
        assertThat(answers).isGreaterThan(350);
    }

    @Test
    void quizzesAreOfPeopleThenOfStoriesAndInTheEndNextToNone() {
        Map<String, Integer> early = beginnings(200_000);
        assertThat(early.get("Who is who?")).isBetween(320, 365); // 85 in 100
        assertThat(early).doesNotContainKeys("Listen and answer.", "Yes or no?");
        assertThat(beginnings(214_500).get("Yes or no?")).isBetween(270, 330); // 75 in 100
        Map<String, Integer> later = beginnings(218_500);
        assertThat(later.get("Listen and answer.")).isBetween(60, 120); // 22 in 100
        Map<String, Integer> last = beginnings(225_000);
        assertThat(last.get("Listen and answer.")).isBetween(10, 40);
        assertThat(last.getOrDefault("Who was who?", 0)).isLessThan(20);
        assertThat(last).doesNotContainKeys("Who is who?", "Yes or no?");
        assertThat(asked(207_500)).contains("\nYes, ", "\nNo, ").doesNotContain(", so yes.");
        assertThat(asked(218_500))
                .contains("\nWho lived with ", ", so yes.\n", ", so no.\n")
                .doesNotContain("\nYes, ");
    }

    @Test
    void drillsGoFromFewWordsToStoriesAndInTheEndAreStories() {
        assertThat(interviews(400_000)).hasSizeBetween(300, 345); // 81 in 100
        assertThat(interviews(400_000)).noneMatch(text -> text.contains(" gave the ") && text.contains(" had a "));
        assertThat(interviews(407_800))
                .hasSizeBetween(240, 300) // 67 in 100
                .anyMatch(text -> text.contains("Take a ") && text.contains("\"Who has the "));
        assertThat(interviews(417_000)).hasSizeLessThan(14); // 1 in 100
        assertThat(TALES.document(Split.HELD_OUT, 400_000))
                .isEqualTo(TALES.tale(Split.HELD_OUT, 400_000).text());
    }

    /** Those among 400 documents. */
    private static List<String> interviews(long from) {
        return LongStream.range(from, from + 400)
                .mapToObj(i -> TALES.document(Split.TRAIN, i))
                .filter(text -> text.startsWith("At home."))
                .toList();
    }

    /** What is asked about a hundred documents' stories, and answered. */
    private static String asked(long from) {
        return LongStream.range(from, from + 100)
                .filter(i -> TALES.document(Split.TRAIN, i).startsWith("Listen"))
                .mapToObj(i -> TALES.document(Split.TRAIN, i)
                        .substring(("Listen and answer.\n\n"
                                        + TALES.tale(Split.TRAIN, i).text())
                                .length()))
                .collect(Collectors.joining());
    }

    @Test
    void isItSoIsYesWhereTheTwoAreTheSame() {
        Pattern row = Pattern.compile("(?:(?:Was|Did) .*?)?(\\S+)\\?\\s(?:.*?)(\\S+), so (yes|no)\\.");
        int yes = 0;
        int rows = 0;
        for (long i = 214_430; i < 216_000; i++) {
            String text = TALES.document(Split.TRAIN, i);
            if (!text.startsWith("Yes or no?")) continue;
            for (Matcher m = row.matcher(text.substring(text.indexOf('\n'))); m.find(); rows++) {
                assertThat(m.group(3)).as(m.group()).isEqualTo(m.group(1).equals(m.group(2)) ? "yes" : "no");
                if (m.group(3).equals("yes")) yes++;
            }
        }
        assertThat(rows).isGreaterThan(10_000);
        assertThat(yes / (double) rows).isBetween(0.48, 0.52);
    }

    /** How many of 400 documents begin with each way of beginning a quiz. */
    private static Map<String, Integer> beginnings(long from) {
        Map<String, Integer> of = new TreeMap<>();
        for (long i = from; i < from + 400; i++) {
            String text = TALES.document(Split.TRAIN, i);
            for (String begin : List.of("Who is who?", "Who was who?", "Listen and answer.", "Yes or no?")) {
                if (text.startsWith(begin)) of.merge(begin, 1, Integer::sum);
            }
        }
        return of;
    }

    /** Whether a text states a person's kind, in one of a quiz's forms. */
    private static boolean told(String name, String kind, String text) {
        return Stream.of(
                        kind + " named " + name + "\\b",
                        "(^|[\\n,] ?)" + kind + " " + name + "\\b",
                        kind + "\\. \"(Who are you\\?\" asked \\w+\\. \")?(I am|My name is) " + name + ",",
                        name + " was an? \\w+ " + kind + "\\.")
                .anyMatch(way -> Pattern.compile(way).matcher(text).find());
    }

    private static int number(String word) {
        return IntStream.rangeClosed(0, Words.MOST)
                .filter(n -> Words.number(n).equals(word))
                .findFirst()
                .orElseThrow();
    }

    private static int games(long from, long to) {
        int games = 0;
        for (long i = from; i < to; i++) {
            assertThat(TALES.document(Split.HELD_OUT, i)).doesNotContain("played echo");
            String text = TALES.document(Split.TRAIN, i);
            if (!text.contains(" played echo.")) continue;
            games++;
            for (Span span : TALES.determined(Split.TRAIN, i)) {
                String again = text.substring(span.from(), span.to());
                assertThat(text.indexOf(again)).isLessThan(span.from());
            }
        }
        return games;
    }

    /** No word of a story is cut: a name is one token, with the space before it, and never a part of another word. */
    @Test
    void everyWordIsOneToken(@TempDir Path folder) {
        TalesTokenizer.write(1, folder);
        try (Tokenizer tokenizer = Tokenizer.open(folder).orElseThrow()) {
            for (int i = 0; i < 300; i++) {
                String text = TALES.document(Split.HELD_OUT, i);
                for (Token token : tokenizer.encode(text, false)) {
                    boolean begins = token.start() == 0
                            || !Character.isLetter(text.charAt(token.start()))
                            || !Character.isLetter(text.charAt(token.start() - 1));
                    boolean ends = token.end() == text.length()
                            || !Character.isLetter(text.charAt(token.end() - 1))
                            || !Character.isLetter(text.charAt(token.end()));
                    assertThat(begins && ends).as(token + " in " + text).isTrue();
                }
            }
            for (String name : Words.GIRLS)
                assertThat(tokenizer.encode("The " + name + " and", false)).hasSize(3);
            for (String name : Words.BOYS)
                assertThat(tokenizer.encode("The " + name + " and", false)).hasSize(3);
        }
    }

    /** The shipped models were trained on these tokens: what a conversation is may change, they may not. */
    @Test
    void theTokenizerIsTheShippedOne(@TempDir Path folder) throws IOException {
        TalesTokenizer.write(1, folder);
        assertThat(folder.resolve("tokenizer.json"))
                .hasSameTextualContentAs(Path.of("../model-cache/tales-4m/tokenizer.json"));
    }

    @Test
    void theChoicesCostWhatTheySay() {
        ChoiceSource dice = new ChoiceSource(1, 2, 3);
        dice.below(8);
        dice.pick(List.of("a", "b"));
        assertThat(dice.bits()).isEqualTo(4);
        int half = dice.weighted(1, 1);
        assertThat(half).isBetween(0, 1);
        assertThat(dice.bits()).isEqualTo(5);
        boolean rare = dice.chance(0.25);
        assertThat(dice.bits())
                .isCloseTo(5 + (rare ? 2 : -Math.log(0.75) / Math.log(2)), org.assertj.core.data.Offset.offset(1e-9));
    }
}
