package org.llminspector.tales.check;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llminspector.tales.corpus.Tales;
import org.llminspector.tales.plot.Tale;
import org.llminspector.train.Corpus.Split;

@Tag("stories")
class ProofreaderTest {

    private static final Tales TALES = new Tales(1);
    private static final Proofreader READER = new Proofreader(Language.learn(TALES, 3000));
    private static final Proofreader STRICT = READER.strict();

    private static final String STORY = """
            Once there was a shy fox named Olga. She lived in a little house by the river with Mother.

            One sunny morning Olga went out. She walked to the hill. There Olga gathered five apples. "One, two, three, four, five," she counted. She walked quietly to the barn. There she met a kind bear named Ben. "Please give me some apples," said Ben. Olga gave two apples to Ben. "Five less two is three," whispered Olga. Then Olga had three apples left. Olga was happy.

            Olga had a blue kite. One warm day the kite was gone. Olga was sad. She walked to the cave. There she met the baker. "Have you seen my kite?" asked Olga. "It lies at the market," said the baker. Olga walked to the market. There she found the kite. She was happy.

            One cold morning a letter came. It said: "Dear Olga, please come to the mill and bring a red lamp. Your friend Ida." Olga read it aloud: "Dear Olga, please come to the mill and bring a red lamp. Your friend Ida." Ida was a lazy duck.

            Olga took the lamp. She walked to the mill. "Here I am, Ida," whispered Olga. Olga gave the lamp to Ida. "Now I can see in the dark," said Ida. She was happy.

            Olga walked to the castle. There Olga met a lazy otter named Tom. "May I have a green drum, please?" asked Olga. "First say my magic words," said Tom. "Zimba timbu kiri abra!" Olga said, "Zimba timbu kiri abra!" Tom nodded. He gave the drum to Olga.

            Olga walked home. "Who gave you the drum?" asked Mother. "Tom," whispered Olga. "Where did you find the kite?" asked Mother. "At the market," whispered Olga. "How many apples did you find?" asked Mother. "Five apples," whispered Olga. That night Olga slept well.""";

    @Test
    void realStoriesAreFaultless() {
        assertThat(READER.read(STORY)).isEmpty();
        assertThat(STRICT.read(STORY)).isEmpty();
        int faultless = 0;
        for (int i = 0; i < 300; i++) {
            Tale tale = TALES.tale(Split.HELD_OUT, i);
            Set<Fault> faults = READER.faults(tale.text());
            assertThat(STRICT.faults(tale.text())).as(tale.text()).isEqualTo(faults);
            // A rare sentence may be unknown; nothing else may be wrong.
            assertThat(faults).as(tale.text()).isSubsetOf(Fault.SENTENCE);
            if (faults.isEmpty()) faultless++;
        }
        assertThat(faultless).isGreaterThan(295);
    }

    @Test
    void storiesThatAskAboutEverythingAreFaultlessToo() {
        int questions = 0;
        int swaps = 0;
        for (long i = 400_000; i < 400_100; i++) {
            String text = TALES.curious(i).text();
            assertThat(STRICT.faults(text)).as(text).isSubsetOf(Fault.SENTENCE);
            String end = text.substring(text.lastIndexOf("\n\n"));
            questions +=
                    (int) Pattern.compile("\\?\" asked ").matcher(end).results().count();
            if (text.contains("and now a")) swaps++;
        }
        assertThat(questions).as("most have four or five").isBetween(330, 500);
        assertThat(swaps).isGreaterThan(25);
    }

    /** Every kind of question at the end is checked: another answer of the same story is wrong. */
    @Test
    void anAnswerToAnotherQuestionIsWrong() {
        Pattern asked = Pattern.compile("\"([^\"]+\\?)\" asked [^.]+\\. \"([^\"]+[,!])\"");
        Set<String> kinds = new HashSet<>();
        for (long i = 400_000; i < 400_250; i++) {
            String text = TALES.curious(i).text();
            int end = text.lastIndexOf("\n\n");
            List<MatchResult> all = asked.matcher(text.substring(end)).results().toList();
            for (int q = 0; q + 1 < all.size(); q++) {
                MatchResult one = all.get(q);
                String other = all.get(q + 1).group(2);
                if (one.group(2).equals(other)
                        || one.group(1).equals(all.get(q + 1).group(1))) continue;
                String wrong = text.substring(0, end + one.start(2)) + other + text.substring(end + one.end(2));
                assertThat(STRICT.faults(wrong)).as(wrong).contains(Fault.ANSWER);
                kinds.add(one.group(1).replaceAll("^(\\w+ \\w+(?: you \\w+)?).*", "$1"));
            }
        }
        assertThat(kinds).hasSizeGreaterThanOrEqualTo(12);
    }

    /** So that the first sentence at which a story is not approved of is the one with the fault. */
    @Test
    void noStoryIsWrongBeforeItsEnd() {
        TalesCritic critic = new TalesCritic(1);
        for (int i = 0; i < 100; i++) {
            String text = TALES.tale(Split.HELD_OUT, i).text();
            List<Integer> ends = critic.sentences(text);
            assertThat(ends).hasSizeGreaterThan(5).isSorted().endsWith(text.length());
            for (int end : ends) {
                assertThat(text.substring(0, end)).matches("(?s).*[.!?]\"?");
                assertThat(critic.approves(text.substring(0, end)))
                        .as(text.substring(0, end))
                        .isTrue();
            }
        }
        String wrong = STORY.replace("had three apples left", "had four apples left");
        List<Integer> ends = critic.sentences(wrong);
        int first = ends.stream()
                .filter(end -> !critic.approves(wrong.substring(0, end)))
                .findFirst()
                .orElseThrow();
        assertThat(wrong.substring(0, first)).endsWith("Then Olga had four apples left.");
    }

    /** A model says anything: words of stories and marks in any order, from a story's midst on. */
    @Test
    void noTextIsTooWrongToBeRead() {
        List<String> words = IntStream.range(0, 60)
                .mapToObj(i -> TALES.tale(Split.HELD_OUT, i).text())
                .flatMap(text -> Pattern.compile("\\n+|[A-Za-z]+|[^\\sA-Za-z]")
                        .matcher(text)
                        .results()
                        .map(MatchResult::group))
                .distinct()
                .toList();
        Random random = new Random(1);
        for (int i = 0; i < 4_000; i++) {
            StringBuilder text = new StringBuilder(STORY.substring(0, random.nextInt(STORY.length())));
            for (int n = random.nextInt(40); n > 0; n--) {
                if (random.nextBoolean()) text.append(' ');
                text.append(
                        random.nextInt(4) > 0
                                ? words.get(random.nextInt(words.size()))
                                : List.of("named", "gave", "less", "is", ".", "\"", ",", "the", "\n\n")
                                        .get(random.nextInt(9)));
            }
            STRICT.read(text.toString());
            assertThat(Language.ends(text.toString())).isSorted();
        }
        assertThat(READER.faults("")).containsExactly(Fault.UNFINISHED);
        assertThat(READER.faults("named Olga.")).contains(Fault.SENTENCE);
    }

    @Test
    void whatAModelGoesOnWithIsNoDocumentsBeginning() {
        TalesCritic critic = new TalesCritic(1);
        Set<String> openings = new HashSet<>();
        for (int i = 0; i < 50; i++) {
            String opening = critic.opening(i);
            assertThat(opening).endsWith(".").doesNotContain("\n").isEqualTo(critic.opening(i));
            openings.add(opening);
        }
        assertThat(openings).hasSizeGreaterThan(48);
        for (int i = 0; i < 2_000; i++) {
            for (Split split : Split.values()) {
                String text = TALES.tale(split, i).text();
                assertThat(openings).doesNotContain(text.substring(0, text.indexOf("\n\n")));
            }
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "NAME | Olga gave two apples to Ben. | Olga gave two apples to Finn.",
                "NAME | a lazy otter named Tom | a lazy otter named Ben",
                "PRONOUN | She was happy. | He was happy.",
                "PRONOUN | He gave the drum to Olga. | She gave the drum to Olga.",
                "PRONOUN | a kind bear named Ben | a kind girl named Ben",
                "ARTICLE | a lazy otter named Tom | an lazy otter named Tom",
                "THING | bring a red lamp. Your friend Ida.\" Ida | bring a blue lamp. Your friend Ida.\" Ida",
                "THING | Olga gave the lamp to Ida. | Olga gave the lamp to Olga.",
                "THING | Olga gave the lamp to Ida. | Olga gave the pillow to Ida.",
                "PLACE | Olga walked to the market. | Olga walked to the school.",
                "PLACE | It lies at the market | It lies on the market",
                "NUMBER | had three apples left | had four apples left",
                "NUMBER | Five less two is three | Five less two is two",
                "NUMBER | gave two apples to Ben | gave one apples to Ben",
                "NUMBER | \"One, two, three, four, five,\" | \"One, two, four, five,\"",
                "NUMBER | \"One, two, three, four, five,\" | \"One, two, three, four,\"",
                "CHANT | Olga said, \"Zimba timbu kiri abra!\" | Olga said, \"Zimba timbu abra kiri!\"",
                "CHANT | Olga read it aloud: \"Dear Olga, please come to the mill | Olga read it aloud: \"Dear Olga, please come to the hill",
                "ANSWER | \"Tom,\" whispered Olga | \"Ben,\" whispered Olga",
                "ANSWER | \"At the market,\" | \"In the cave,\"",
                "ANSWER | \"Five apples,\" | \"Six apples,\"",
                "SENTENCE | Tom nodded. | Tom the nodded.",
                "SENTENCE | That night Olga slept well. | That night Olga sleppt well.",
                "UNFINISHED | slept well. | slept"
            })
    void eachFaultIsFound(Fault fault, String right, String wrong) {
        assertThat(STORY).contains(right);
        assertThat(READER.faults(STORY.replace(right, wrong))).contains(fault);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "PLACE | Olga walked to the castle. | Olga walked to the mill.",
                "PLACE | One warm day the kite was gone. | She walked to the barn. One warm day the kite was gone.",
                "PLACE | Olga walked home. | Olga walked home. Then Olga walked home.",
                "ANSWER | Who gave you the drum? | Who gave you the pillow?",
                "ANSWER | Where did you find the kite? | Where did you find the lamp?",
                "ANSWER | Who gave you the drum? | Who did you meet in the cellar?",
                "ANSWER | Who gave you the drum? | Who was the first?"
            })
    void onlyWhoRemembersFindsIt(Fault fault, String right, String wrong) {
        assertThat(STORY).contains(right);
        assertThat(READER.faults(STORY.replace(right, wrong))).doesNotContain(fault);
        assertThat(STRICT.faults(STORY.replace(right, wrong))).contains(fault);
    }
}
