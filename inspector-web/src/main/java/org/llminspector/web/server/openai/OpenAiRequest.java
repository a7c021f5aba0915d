package org.llminspector.web.server.openai;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.llminspector.base.Problem;
import org.llminspector.capture.Intervention;
import org.llminspector.generate.GenerateOptions;
import org.llminspector.generate.GenerateOptionsBuilder;
import org.llminspector.run.request.RunRequest;
import org.llminspector.web.server.http.StrictJson;

/**
 * Parsed request body of the OpenAI interface. An unsupported field that would change the answer is refused; others
 * (user, metadata, client additions) are ignored.
 *
 * @param prompts the prompts, each a run's request
 * @param chat whether it is a conversation
 * @param interventions changes of hooked values in every choice, as a run's request has them; null for none
 * @param logprobs how many most probable tokens to list at each position; null for no log-probabilities
 */
public record OpenAiRequest(
        OpenAiModel model,
        List<RunRequest> prompts,
        boolean chat,
        List<Intervention> interventions,
        int n,
        boolean echo,
        Integer logprobs,
        boolean stream,
        boolean usage,
        GenerateOptions options) {

    static final int MAX_CHOICES = 128;
    private static final int MAX_LOGPROBS = 100;
    /** Unsupported fields that would change the answer. */
    private static final Set<String> REFUSED = Set.of(
            "suffix",
            "logit_bias",
            "tool_choice",
            "functions",
            "function_call",
            "response_format",
            "guided_json",
            "chat_template",
            "documents",
            "continue_final_message",
            "prediction",
            "audio",
            "modalities");

    /** OpenAI's default for completions. */
    private static final int COMPLETION_TOKENS = 16;

    /** A request whose prompts are texts or ids. */
    static OpenAiRequest ofCompletion(JsonNode body, OpenAiModel model) {
        return of(body, model, false, prompts(body.path("prompt"), "prompt"), COMPLETION_TOKENS);
    }

    /**
     * A request whose prompt is a conversation.
     *
     * @param prompt from {@link OpenAiMessages}
     * @param mostTokens limit of the answer where the body sets none: the model's context
     */
    static OpenAiRequest ofChat(JsonNode body, OpenAiModel model, RunRequest prompt, int mostTokens) {
        return of(body, model, true, List.of(prompt), mostTokens);
    }

    private static OpenAiRequest of(
            JsonNode body, OpenAiModel model, boolean chat, List<RunRequest> prompts, int standardTokens) {
        refuse(body);
        int best = whole(body, "best_of", 1, 1, MAX_CHOICES);
        int n = whole(body, "n", 1, 1, MAX_CHOICES);
        if (best != 1 && best != n) {
            throw Problem.unsupported("no choice is made among several answers")
                    .where("best_of")
                    .expected("the same as n")
                    .found(best);
        }
        Integer logprobs = logprobs(body, chat);
        if (prompts.size() * n > MAX_CHOICES) {
            throw Problem.tooLarge("too many texts for one request")
                    .where("prompt, n")
                    .expected("at most " + MAX_CHOICES + " together")
                    .found(prompts.size() * n);
        }
        double temperature = number(body, "temperature", 1);
        boolean greedy = temperature == 0;
        Long seed = seed(body);
        String limit = has(body, "max_completion_tokens") ? "max_completion_tokens" : "max_tokens";
        GenerateOptions options = GenerateOptionsBuilder.builder()
                .maxNewTokens(whole(body, limit, standardTokens, 0, Integer.MAX_VALUE))
                .greedy(greedy)
                .temperature(greedy ? null : temperature)
                .topP(greedy || !has(body, "top_p") ? null : number(body, "top_p", 1))
                .topK(
                        greedy || !has(body, "top_k")
                                ? null
                                : Math.max(0, whole(body, "top_k", 0, -1, Integer.MAX_VALUE)))
                .minP(greedy || !has(body, "min_p") ? null : number(body, "min_p", 0))
                .repetitionPenalty(has(body, "repetition_penalty") ? number(body, "repetition_penalty", 1) : null)
                .presencePenalty(number(body, "presence_penalty", 0))
                .frequencyPenalty(number(body, "frequency_penalty", 0))
                .seed(greedy ? null : seed)
                .ignoreEos(flag(body, "ignore_eos"))
                .stop(stops(body.path("stop")))
                .alternatives(logprobs == null ? 0 : logprobs)
                .build();
        return new OpenAiRequest(
                model,
                prompts,
                chat,
                interventions(body),
                n,
                !chat && flag(body, "echo"),
                logprobs,
                flag(body, "stream"),
                flag(body.path("stream_options"), "include_usage"),
                options);
    }

    /** The request of a prompt's choice {@code i}. */
    RunRequest run(RunRequest prompt, int i) {
        GenerateOptions own = options.seed() == null || i == 0 ? options : options.withSeed(options.seed() + i);
        return model.of(prompt.toBuilder()
                        .interventions(interventions)
                        .generate(own)
                        .name("asked at /v1"))
                .build();
    }

    private static void refuse(JsonNode body) {
        for (String field : REFUSED) {
            JsonNode given = body.path(field);
            boolean neutral = given.isMissingNode()
                    || given.isNull()
                    || (given.isContainerNode() && given.isEmpty())
                    || (given.isTextual() && Set.of("", "none", "auto").contains(given.asText()))
                    || "text".equals(given.path("type").asText())
                    || (field.equals("modalities") && given.toString().equals("[\"text\"]"));
            if (neutral) continue;
            throw Problem.unsupported("this field has no effect here, and would be missed")
                    .where(field)
                    .found(Problem.shown(given.toString()))
                    .instead("leave it out");
        }
    }

    private static Integer logprobs(JsonNode body, boolean chat) {
        if (!chat) return has(body, "logprobs") ? (Integer) whole(body, "logprobs", 0, 0, MAX_LOGPROBS) : null;
        if (!flag(body, "logprobs")) return null;
        return whole(body, "top_logprobs", 0, 0, MAX_LOGPROBS);
    }

    /** A text, ids, or a list of either, each as a run's request. */
    static List<RunRequest> prompts(JsonNode prompt, String field) {
        if (prompt.isTextual()) return List.of(text(prompt.asText()));
        if (!prompt.isArray() || prompt.isEmpty()) throw wrong(field, "a text, ids, or a list of either", prompt);
        if (prompt.get(0).isNumber()) return List.of(ids(prompt, field));
        List<RunRequest> all = new ArrayList<>();
        for (JsonNode one : prompt) all.add(one.isTextual() ? text(one.asText()) : ids(one, field));
        return all;
    }

    private static RunRequest text(String prompt) {
        return RunRequest.builder().prompt(prompt).build();
    }

    static RunRequest ids(JsonNode list, String field) {
        if (!list.isArray() || list.isEmpty()) throw wrong(field, "ids", list);
        List<Integer> ids = new ArrayList<>();
        for (JsonNode id : list) {
            if (!id.canConvertToInt() || !id.isIntegralNumber()) throw wrong(field, "ids", id);
            ids.add(id.asInt());
        }
        return RunRequest.builder().tokens(ids).build();
    }

    private record Changes(List<Intervention> interventions) {}

    /** Read as strictly as a run's request; null for none. */
    static List<Intervention> interventions(JsonNode body) {
        if (!has(body, "interventions")) return null;
        ObjectNode alone = JsonNodeFactory.instance.objectNode();
        alone.set("interventions", body.get("interventions"));
        return StrictJson.convert(alone, Changes.class, "interventions").interventions();
    }

    private static List<String> stops(JsonNode stop) {
        if (stop.isTextual()) return List.of(stop.asText());
        if (stop.isNull() || stop.isMissingNode()) return List.of();
        if (!stop.isArray()) throw wrong("stop", "a text or a list of texts", stop);
        List<String> all = new ArrayList<>();
        for (JsonNode s : stop) {
            if (!s.isTextual()) throw wrong("stop", "a text or a list of texts", s);
            all.add(s.asText());
        }
        return all;
    }

    static boolean has(JsonNode body, String field) {
        return body.hasNonNull(field);
    }

    static boolean flag(JsonNode body, String field) {
        if (!has(body, field)) return false;
        if (body.get(field).isBoolean()) return body.get(field).asBoolean();
        throw wrong(field, "true or false", body.get(field));
    }

    static String text(JsonNode body, String field, String standard) {
        if (!has(body, field)) return standard;
        if (body.get(field).isTextual()) return body.get(field).asText();
        throw wrong(field, "a text", body.get(field));
    }

    private static int whole(JsonNode body, String field, int standard, int least, int most) {
        if (!has(body, field)) return standard;
        JsonNode given = body.get(field);
        boolean fits =
                given.isIntegralNumber() && given.canConvertToInt() && given.asInt() >= least && given.asInt() <= most;
        if (fits) return given.asInt();
        throw wrong(field, most == Integer.MAX_VALUE ? "a whole number from " + least : least + " to " + most, given);
    }

    /** Any whole number of 64 bits, of which 32 are used; null for none. */
    private static Long seed(JsonNode body) {
        if (!has(body, "seed")) return null;
        JsonNode given = body.get("seed");
        if (given.isIntegralNumber() && given.canConvertToLong()) return given.asLong() & 0xFFFFFFFFL;
        throw wrong("seed", "a whole number", given);
    }

    private static double number(JsonNode body, String field, double standard) {
        if (!has(body, field)) return standard;
        if (body.get(field).isNumber() && Double.isFinite(body.get(field).asDouble()))
            return body.get(field).asDouble();
        throw wrong(field, "a number", body.get(field));
    }

    static Problem wrong(String field, String expected, JsonNode found) {
        return Problem.invalid("the field has a value that does not fit")
                .where(field)
                .expected(expected)
                .found(found.isMissingNode() ? "nothing" : Problem.shown(found.toString()));
    }
}
