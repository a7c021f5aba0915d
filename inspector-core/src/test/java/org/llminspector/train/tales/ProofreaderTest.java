package org.llminspector.train.tales;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llminspector.train.Corpus.Split;
import org.llminspector.train.tales.Proofreader.Fault;

class ProofreaderTest {

    private static final Tales TALES = new Tales(1);
    private static final Proofreader READER = new Proofreader(Language.learn(TALES, 1500));

    private static final String STORY = """
            Once there was a shy fox named Tishkanet. She lived at the old mill. A proud boy named Bramolu lived there too.

            One sunny morning Tishkanet went out. She walked to the little pond. There she gathered five apples. "One, two, three, four, five," she counted. She walked to the green hill. There she met a kind bear named Ben. "Please give me some apples," said Ben. Tishkanet gave two apples to Ben. Then Tishkanet had three apples left. She was happy.

            Tishkanet had a blue kite. Then one warm day the blue kite was gone. She was sad. She went to the dark cave. There she met an old baker. "Have you seen my blue kite?" asked Tishkanet. "An otter at the big market has it," said the baker. Tishkanet went to the big market. There she met a lazy otter named Ida. "Do you have my blue kite?" asked Tishkanet. "I found it in the cold barn," said Ida. "First say this," she said. "Zorba tilu manekru!" Tishkanet said, "Zorba tilu manekru!" Ida nodded. Ida gave the blue kite to Tishkanet. Tishkanet was happy.

            Tishkanet walked to the old mill. That night Tishkanet slept well.""";

    @Test
    void realStoriesAreFaultless() {
        assertThat(READER.read(STORY)).isEmpty();
        int faultless = 0;
        for (int i = 0; i < 300; i++) {
            Tale tale = TALES.tale(Split.HELD_OUT, i);
            Set<Fault> faults = READER.faults(tale.text());
            // A rare sentence may not have been learnt; nothing else may be wrong.
            assertThat(faults).as(tale.text()).isSubsetOf(Fault.SENTENCE);
            if (faults.isEmpty()) faultless++;
        }
        assertThat(faultless).isGreaterThan(285);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "NAME | Tishkanet gave two apples to Ben. | Tishkanet gave two apples to Benru.",
                "PRONOUN | She was sad. | He was sad.",
                "PRONOUN | There she met a kind bear | There he met a kind bear",
                "ARTICLE | met an old baker | met a old baker",
                "THING | Have you seen my blue kite | Have you seen my red kite",
                "THING | Ida gave the blue kite to Tishkanet. | Ida gave the blue kite to Ben. Ida gave the blue kite to Tishkanet.",
                "PLACE | Tishkanet walked to the old mill. | Tishkanet walked to the dark mill.",
                "PLACE | \"I found it in the cold barn,\" | \"I found it on the cold barn,\"",
                "NUMBER | had three apples left | had four apples left",
                "NUMBER | \"One, two, three, four, five,\" | \"One, two, four, five,\"",
                "NUMBER | \"One, two, three, four, five,\" | \"One, two, three, four,\"",
                "CHANT | Tishkanet said, \"Zorba tilu manekru!\" | Tishkanet said, \"Zorba tilu manekro!\"",
                "SENTENCE | Ida nodded. | Ida the nodded.",
                "SENTENCE | That night Tishkanet slept well. | That night Tishkanet sleppt well.",
                "UNFINISHED | slept well. | slept"
            })
    void eachFaultIsFound(Fault fault, String right, String wrong) {
        assertThat(STORY).contains(right);
        assertThat(READER.faults(STORY.replace(right, wrong))).contains(fault);
    }
}
