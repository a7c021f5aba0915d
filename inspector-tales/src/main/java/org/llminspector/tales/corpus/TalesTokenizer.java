package org.llminspector.tales.corpus;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.llminspector.tokenize.BpeFile;
import org.llminspector.tokenize.BpeTrainer;
import org.llminspector.train.Corpus.Split;

/** Builder of the tokenizer for the stories of a seed: deterministic. */
public final class TalesTokenizer {

    public static final String BEGIN = "<|begin|>";
    /** Ends a story, and each message of a conversation. */
    public static final String END = "<|end|>";

    public static final List<String> CONTROL = List.of(BEGIN, END, "<|user|>", "<|assistant|>");
    public static final int VOCABULARY = 2048;
    public static final int CONTEXT = 1024;

    private static final int STORIES = 6000;
    private static final int EXCHANGES = 2000;

    private TalesTokenizer() {}

    /** Trains on the first stories and conversations of the training split; writes tokenizer.json and its config. */
    public static void write(long seed, Path folder) {
        BpeTrainer.Vocabulary vocabulary = BpeTrainer.train(texts(seed), CONTROL, VOCABULARY);
        BpeFile.write(vocabulary, new BpeFile.Settings(BEGIN, END, TalesChat.TEMPLATE, CONTEXT), folder);
    }

    static Stream<String> texts(long seed) {
        Tales tales = new Tales(seed);
        TalesChat chat = new TalesChat(seed);
        Stream<String> stories = LongStream.range(0, STORIES).mapToObj(i -> tales.document(Split.TRAIN, i));
        Stream<String> talk = LongStream.range(0, EXCHANGES)
                .mapToObj(i -> chat.plain(Split.TRAIN, i))
                .flatMap(x -> Stream.of(x.user(), x.assistant()));
        return Stream.concat(stories, talk);
    }
}
