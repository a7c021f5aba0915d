package org.llminspector.web.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.Stream;
import org.llminspector.checkpoint.Mutator;

/** Mutants of tokenizer.json: bytes of it, and whole parts of it, by what the library knows and does not expect. */
class TokenizerFuzzTest extends ServedFuzzTest {

    private static final String SPM = new String(resource("tokenizers/spm/tokenizer.json"), StandardCharsets.UTF_8);

    private static final List<byte[]> WORDS = Stream.of(
                    "-1",
                    "0",
                    "1",
                    "7",
                    "4294967295",
                    "1e9",
                    "null",
                    "true",
                    "false",
                    "[]",
                    "{}",
                    "\"\"",
                    "\"a\"",
                    "\"##\"",
                    "\"</w>\"",
                    "\"A\"",
                    "\"B\"",
                    "\u2581",
                    "\\u0000",
                    "\\ud800",
                    "<0x0A>",
                    ",",
                    "}",
                    "]")
            .map(w -> w.getBytes(StandardCharsets.UTF_8))
            .toList();

    private static final List<String> STEPS = List.of(
            "{'type':'Precompiled','precompiled_charsmap':'AAAA'}",
            "{'type':'Precompiled','precompiled_charsmap':'BAAAAAAEAAAA'}",
            "{'type':'Replace','pattern':{'Regex':'(a+)+$'},'content':'b'}",
            "{'type':'Replace','pattern':{'Regex':'a*'},'content':'bb'}",
            "{'type':'Replace','pattern':{'String':''},'content':'b'}",
            "{'type':'Replace','pattern':{'String':'e'},'content':''}",
            "{'type':'Strip','strip_left':true,'strip_right':true}",
            "{'type':'Strip','content':' ','start':1,'stop':1}",
            "{'type':'Strip','content':' ','start':1,'stop':0}",
            "{'type':'Prepend','prepend':''}",
            "{'type':'NFKD'}",
            "{'type':'Nmt'}",
            "{'type':'StripAccents'}",
            "{'type':'Lowercase'}",
            "{'type':'BertNormalizer','clean_text':true,'handle_chinese_chars':true,'strip_accents':true,'lowercase':true}",
            "{'type':'FixedLength','length':0}",
            "{'type':'FixedLength','length':3}",
            "{'type':'Split','pattern':{'Regex':'\\\\s+(?!\\\\S)|\\\\s+'},'behavior':'Removed','invert':true}",
            "{'type':'Split','pattern':{'Regex':'(?=a)'},'behavior':'Isolated','invert':false}",
            "{'type':'Split','pattern':{'String':'a'},'behavior':'MergedWithNext','invert':false}",
            "{'type':'Metaspace','replacement':'\u2581','prepend_scheme':'always','split':true}",
            "{'type':'ByteLevel','add_prefix_space':true,'trim_offsets':true,'use_regex':true}",
            "{'type':'Digits','individual_digits':true}",
            "{'type':'Punctuation','behavior':'Contiguous'}",
            "{'type':'UnicodeScripts'}",
            "{'type':'CharDelimiterSplit','delimiter':'e'}",
            "{'type':'WordPiece','prefix':'##','cleanup':true}",
            "{'type':'BPEDecoder','suffix':''}",
            "{'type':'CTC','pad_token':'','word_delimiter_token':'','cleanup':true}",
            "{'type':'Fuse'}",
            "{'type':'ByteFallback'}",
            "{'type':'BertProcessing','sep':['x',1],'cls':['y',99999]}",
            "{'type':'RobertaProcessing','sep':['x',1],'cls':['y',2],'trim_offsets':true,'add_prefix_space':true}",
            "{'type':'TemplateProcessing','single':[{'Sequence':{'id':'B','type_id':0}}],'pair':[],'special_tokens':{}}",
            "{'type':'TemplateProcessing','single':[{'Sequence':{'id':'A','type_id':0}}],'pair':[{'Sequence':{'id':'A','type_id':0}},"
                    + "{'Sequence':{'id':'B','type_id':1}}],'special_tokens':{'x':{'id':'x','ids':[1,2],'tokens':['x']}}}",
            "null");

    private static final List<String> PARTS = List.of("normalizer", "pre_tokenizer", "post_processor", "decoder");

    @Override
    protected List<String> files() {
        return List.of("golden/hf/llama/config.json", "golden/hf/llama/model.safetensors");
    }

    @Override
    protected String mutated() {
        return "tokenizer.json";
    }

    @Override
    protected byte[] mutant(Mutator m) {
        String json = SPM;
        if (m.oneIn(2)) {
            String part = PARTS.get(m.below(PARTS.size()));
            String step = STEPS.get(m.below(STEPS.size())).replace('\'', '"');
            // A field that is there twice is refused: the old one gets another name.
            json = json.replaceFirst("\"" + part + "\":", "\"_" + part + "\":")
                    .replaceFirst("\\{", java.util.regex.Matcher.quoteReplacement("{\"" + part + "\":" + step + ","));
        }
        byte[] bytes = json.getBytes(StandardCharsets.UTF_8);
        for (int n = m.below(3); n > 0; n--) bytes = m.edited(bytes, WORDS);
        return bytes;
    }

    @Override
    protected void use(String slug) {
        String text = "the cat, 12  \u00e9\u4f60 " + "a".repeat(44) + "!";
        JsonNode tokens = ask("POST", "/api/v1/tokenize", "{\"model\":\"" + slug + "\",\"text\":\"" + text + "\"}")
                .path("tokens");
        StringBuilder ids = new StringBuilder();
        for (JsonNode t : tokens)
            ids.append(ids.length() == 0 ? "" : ",").append(t.path("id").asInt());
        assertThat(ask("POST", "/api/v1/detokenize", "{\"model\":\"" + slug + "\",\"tokens\":[" + ids + "]}")
                        .path("text")
                        .isTextual())
                .isTrue();
    }
}
