package org.llminspector.web.server.openai;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;
import java.util.Map;

/**
 * Answers of the OpenAI interface in the shapes that its clients read. The only additional field is {@code run}: the id
 * of the run that made a choice, which opens in the page.
 */
public final class OpenAi {

    private OpenAi() {}

    record Models(String object, List<Model> data) {}

    record Model(String id, String object, long created, String ownedBy) {}

    record Usage(int promptTokens, int completionTokens, int totalTokens) {}

    /** A completion, or one event of its stream. */
    record Completion(String id, String object, long created, String model, List<Choice> choices, Usage usage) {}

    record Choice(
            int index,
            String text,
            @JsonInclude(JsonInclude.Include.ALWAYS) Logprobs logprobs,
            @JsonInclude(JsonInclude.Include.ALWAYS) String finishReason,
            String limit,
            String run) {}

    /**
     * Log-probabilities of a completion's tokens, in nats, over the whole vocabulary, before temperature and filters.
     *
     * @param tokenLogprobs null for the first token of a text, which has no context
     * @param topLogprobs the most probable tokens by text; a token whose text another one has is {@code token_id:ID}
     * @param textOffset where each token begins in prompt and completion, in characters
     */
    record Logprobs(
            List<String> tokens,
            List<Double> tokenLogprobs,
            List<Map<String, Double>> topLogprobs,
            List<Integer> textOffset) {}

    /** A chat completion. */
    record Chat(String id, String object, long created, String model, List<ChatChoice> choices, Usage usage) {}

    /** @param message the answer; null in a stream, where {@code delta} has the new part */
    record ChatChoice(
            int index,
            Said message,
            Said delta,
            @JsonInclude(JsonInclude.Include.ALWAYS) ChatLogprobs logprobs,
            @JsonInclude(JsonInclude.Include.ALWAYS) String finishReason,
            String limit,
            String run) {}

    record Said(String role, String content) {}

    record ChatLogprobs(List<ChatToken> content) {}

    record ChatToken(String token, double logprob, List<Integer> bytes, List<TopToken> topLogprobs) {}

    record TopToken(String token, double logprob, List<Integer> bytes) {}

    record Embeddings(String object, List<Embedding> data, String model, Usage usage) {}

    /** @param embedding numbers, or float32 in base64 */
    record Embedding(String object, int index, Object embedding, String run) {}

    record TokenizerInfo(
            String model,
            int vocabSize,
            @JsonInclude(JsonInclude.Include.ALWAYS) String bosToken,
            @JsonInclude(JsonInclude.Include.ALWAYS) String eosToken,
            @JsonInclude(JsonInclude.Include.ALWAYS) String padToken,
            @JsonInclude(JsonInclude.Include.ALWAYS) String chatTemplate) {}

    record Tokenized(List<Integer> tokens, int count, int maxModelLen) {}

    /** @param content the prompt again, under llama.cpp's name */
    record Detokenized(String prompt, String content) {}

    /** The shape of llama.cpp's server. */
    record Health(String status) {}

    /** The properties of llama.cpp's server that exist here. */
    record Props(
            Settings defaultGenerationSettings,
            int totalSlots,
            String modelAlias,
            @JsonInclude(JsonInclude.Include.ALWAYS) String chatTemplate,
            @JsonInclude(JsonInclude.Include.ALWAYS) String bosToken,
            @JsonInclude(JsonInclude.Include.ALWAYS) String eosToken,
            String buildInfo) {

        record Settings(int nCtx) {}
    }
}
