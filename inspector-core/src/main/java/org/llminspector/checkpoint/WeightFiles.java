package org.llminspector.checkpoint;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.llminspector.base.Names;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;

/**
 * The weight files of a model's folder.
 *
 * @param files in the index's order
 * @param index tensor name to file name; empty without an index
 */
record WeightFiles(List<Path> files, Map<String, String> index) {

    static final String SINGLE = "model.safetensors";
    static final String GGUF = ".gguf";
    static final String ONNX = ".onnx";
    static final String INDEX = "model.safetensors.index.json";

    /** Prefix of GGUF files with a model's vision part, which are ignored. */
    private static final String EYES = "mmproj";

    private static final long MAX_INDEX_BYTES = 100_000_000;
    private static final Pattern SHARD = Pattern.compile("(.+)-([0-9]{5})-of-([0-9]{5})\\.safetensors");
    private static final Set<String> PICKLES = Set.of("bin", "pt", "pth", "ckpt", "pkl", "pickle");

    /**
     * Finds model.safetensors, the shards of an index, the only .safetensors file, or else the only GGUF or ONNX model.
     */
    static WeightFiles find(Path dir) {
        if (!Files.exists(dir)) {
            throw Problem.notFound("the model's folder is missing")
                    .where(dir)
                    .instead("give the folder that holds config.json and the .safetensors files");
        }
        if (Files.isRegularFile(dir) && (isGguf(dir) || isOnnx(dir))) return new WeightFiles(List.of(dir), Map.of());
        if (!Files.isDirectory(dir)) {
            throw Problem.invalid("a model is a folder, a .gguf or an .onnx file, and this is another file")
                    .where(dir)
                    .instead("give the folder that holds config.json and the .safetensors files");
        }
        if (exists(dir.resolve(SINGLE))) return new WeightFiles(List.of(Links.check(dir, SINGLE)), Map.of());
        if (exists(dir.resolve(INDEX))) return sharded(dir);
        return single(dir);
    }

    static boolean isGguf(Path file) {
        return file.getFileName().toString().toLowerCase(Locale.ROOT).endsWith(GGUF);
    }

    static boolean isOnnx(Path file) {
        return file.getFileName().toString().toLowerCase(Locale.ROOT).endsWith(ONNX);
    }

    /** The model's folder of one of its files; an ONNX file may be in the subfolder {@code onnx}. */
    static Path folder(Path file) {
        Path dir = file.toAbsolutePath().getParent();
        boolean inside = isOnnx(file) && dir.endsWith("onnx") && !Files.exists(dir.resolve("config.json"));
        return inside ? dir.getParent() : dir;
    }

    /** model.onnx or onnx/model.onnx, or else the only .onnx file in one of the two. */
    private static Path onnx(Path dir) {
        for (Path place : List.of(dir, dir.resolve("onnx"))) {
            if (!Files.isDirectory(place)) continue;
            if (exists(place.resolve("model" + ONNX))) return Links.check(place, "model" + ONNX);
            List<String> names = new ArrayList<>();
            try (Stream<Path> children = Files.list(place)) {
                children.filter(WeightFiles::isOnnx)
                        .map(p -> p.getFileName().toString())
                        .sorted()
                        .forEach(names::add);
            } catch (IOException e) {
                throw Reads.unreadable(place, e);
            }
            if (names.size() == 1) return Links.check(place, names.get(0));
            if (names.size() > 1) {
                throw Problem.invalid("there are several ONNX files")
                        .where(place)
                        .expected("one, or model.onnx")
                        .found(some(names))
                        .instead("name one of the files instead of the folder");
            }
        }
        return null;
    }

    /** Whether the file exists; a dangling link counts, and is reported when it is opened. */
    private static boolean exists(Path file) {
        return Files.exists(file) || Files.isSymbolicLink(file);
    }

    private static WeightFiles sharded(Path dir) {
        Path indexFile = Links.check(dir, INDEX);
        Map<String, String> index = readIndex(indexFile);
        Set<String> names = new LinkedHashSet<>(index.values());
        List<String> missing = new ArrayList<>();
        for (String name : names) {
            Links.checkName(name, indexFile);
            if (!Files.exists(dir.resolve(name))) missing.add(name);
        }
        if (!missing.isEmpty()) {
            throw Problem.notFound("the model is incomplete: shards are missing")
                    .where(dir)
                    .expected(names.size() + " shards, as " + INDEX + " says")
                    .found((names.size() - missing.size()) + "; missing: " + some(missing))
                    .instead("download the model again; a finished download has every shard");
        }
        return new WeightFiles(
                names.stream().map(name -> Links.check(dir, name)).toList(), index);
    }

    private static WeightFiles single(Path dir) {
        List<String> names = new ArrayList<>();
        List<String> pickles = new ArrayList<>();
        List<String> ggufs = new ArrayList<>();
        try (Stream<Path> children = Files.list(dir)) {
            children.map(p -> p.getFileName().toString()).sorted().forEach(name -> {
                String extension = name.substring(name.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT);
                if (extension.equals("safetensors")) names.add(name);
                else if (PICKLES.contains(extension)) pickles.add(name);
                else if (name.toLowerCase(Locale.ROOT).endsWith(GGUF) && !name.startsWith(EYES)) ggufs.add(name);
            });
        } catch (IOException e) {
            throw Reads.unreadable(dir, e);
        }
        if (names.size() == 1) {
            Matcher shard = SHARD.matcher(names.get(0));
            if (!shard.matches() || shard.group(3).equals("00001")) {
                return new WeightFiles(List.of(Links.check(dir, names.get(0))), Map.of());
            }
            throw Problem.notFound("this is one shard of a model, without the others and without an index")
                    .where(dir)
                    .expected(Integer.parseInt(shard.group(3)) + " shards and " + INDEX)
                    .found(names.get(0))
                    .instead("download the whole model");
        }
        if (names.size() > 1) {
            throw Problem.notFound("there are several .safetensors files and no index that joins them")
                    .where(dir)
                    .expected(SINGLE + ", or " + INDEX + ", or one .safetensors file")
                    .found(some(names))
                    .instead("download " + INDEX + " too, or keep one model a folder");
        }
        if (ggufs.size() == 1) return new WeightFiles(List.of(Links.check(dir, ggufs.get(0))), Map.of());
        if (ggufs.size() > 1) {
            throw Problem.invalid("there are several GGUF files")
                    .where(dir)
                    .expected("one, as each holds a whole model")
                    .found(some(ggufs))
                    .instead("name one of the files instead of the folder");
        }
        Path onnx = onnx(dir);
        if (onnx != null) return new WeightFiles(List.of(onnx), Map.of());
        if (!pickles.isEmpty()) {
            throw Problem.unsupported("the weights are PyTorch pickles, and opening a pickle runs the code inside it")
                    .where(dir)
                    .expected(".safetensors files")
                    .found(some(pickles))
                    .instead("take the model's safetensors version, or convert it on a machine you can lose:"
                            + " `python -c \"from transformers import AutoModelForCausalLM as M;"
                            + " M.from_pretrained('IN').save_pretrained('OUT', safe_serialization=True)\"`");
        }
        throw Problem.notFound("the folder holds no weights")
                .where(dir)
                .expected(SINGLE + ", or " + INDEX + " with its shards, or one .safetensors, .gguf or .onnx file")
                .found("none of these")
                .instead("give the folder that holds config.json and the .safetensors files, or a .gguf file");
    }

    /** Reads {@code weight_map}: tensor name to file name. */
    private static Map<String, String> readIndex(Path file) {
        try {
            try (InputStream in = new ByteArrayInputStream(Reads.bytes(file, MAX_INDEX_BYTES));
                    JsonParser json = UntrustedJson.FACTORY.createParser(new InputStreamReader(
                            in,
                            StandardCharsets.UTF_8
                                    .newDecoder()
                                    .onMalformedInput(CodingErrorAction.REPORT)
                                    .onUnmappableCharacter(CodingErrorAction.REPORT)))) {
                return weightMap(file, json);
            }
        } catch (JsonProcessingException e) {
            throw Problem.invalid("the index is not valid JSON")
                    .where(file)
                    .found(e.getOriginalMessage())
                    .instead("download it again");
        } catch (IOException e) {
            throw Reads.unreadable(file, e);
        }
    }

    private static Map<String, String> weightMap(Path file, JsonParser json) throws IOException {
        if (json.nextToken() != JsonToken.START_OBJECT) {
            throw Problem.invalid("the index is not a JSON object").where(file).found(json.currentToken());
        }
        Map<String, String> map = null;
        while (json.nextToken() == JsonToken.FIELD_NAME) {
            String field = json.currentName();
            json.nextToken();
            if (!field.equals("weight_map")) {
                json.skipChildren();
                continue;
            }
            if (map != null)
                throw Problem.invalid("the index has its weight_map twice").where(file);
            if (json.currentToken() != JsonToken.START_OBJECT) {
                throw Problem.invalid("this is not a JSON object")
                        .where(file + ", field weight_map")
                        .expected("{tensor: file}")
                        .found(json.currentToken());
            }
            map = new LinkedHashMap<>();
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                String tensor = json.currentName();
                if (json.nextToken() != JsonToken.VALUE_STRING) {
                    throw Problem.invalid("the index does not say which file a tensor is in")
                            .where(file + ", weight_map." + Names.shown(tensor))
                            .expected("a file name")
                            .found(json.currentToken());
                }
                if (map.size() == SafetensorsHeader.MAX_TENSORS) {
                    throw Problem.invalid("the index has more tensors than this program opens")
                            .where(file)
                            .expected("at most " + SafetensorsHeader.MAX_TENSORS);
                }
                if (map.put(tensor, json.getText()) != null) {
                    throw Problem.invalid("the index names a tensor twice")
                            .where(file + ", weight_map." + Names.shown(tensor));
                }
            }
        }
        if (json.nextToken() != null) {
            throw Problem.invalid("something follows the index's JSON object").where(file);
        }
        if (map == null || map.isEmpty()) {
            throw Problem.invalid("the index names no tensors")
                    .where(file + ", field weight_map")
                    .expected("{tensor: file}")
                    .found(map == null ? "no such field" : "{}")
                    .instead("download it again");
        }
        return map;
    }

    private static String some(List<String> names) {
        List<String> shown = names.stream().limit(4).map(Names::shown).toList();
        return String.join(", ", shown) + (names.size() > 4 ? " and " + (names.size() - 4) + " more" : "");
    }
}
