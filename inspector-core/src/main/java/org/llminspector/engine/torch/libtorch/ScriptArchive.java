package org.llminspector.engine.torch.libtorch;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Writer of TorchScript source as an archive in the format of {@code torch.jit.save}, without Python.
 *
 * <p>A zip of stored entries: the code as text, the module's state and the constants as the smallest pickles that say
 * "one object of this class" and "none", and the format's version. Source: torch/csrc/jit/serialization.
 */
public final class ScriptArchive {

    private static final String CLASS = "__torch__.Script";
    private static final String VERSION = "10\n"; // caffe2/serialize/versions.h: kProducedFileFormatVersion

    private ScriptArchive() {}

    /**
     * @param methods definitions of methods, indented by nothing, their first parameter {@code self} without a type:
     *     <pre>def twice(self, x: Tensor) -> Tensor:
     *   return torch.add(x, x)</pre>
     */
    static byte[] of(String methods) {
        String code = "class Script(Module):\n  __parameters__ = []\n  __buffers__ = []\n  training : bool\n"
                + methods.replaceAll("\\bdef (\\w+)\\(self\\b", "def $1(self: " + CLASS)
                        .indent(2);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
            store(zip, "data.pkl", module());
            store(zip, "code/__torch__.py", code.getBytes(StandardCharsets.UTF_8));
            store(zip, "constants.pkl", pickle(")")); // an empty tuple
            store(zip, "version", VERSION.getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    /** An object of the class with {@code training = False}. */
    private static byte[] module() {
        String name = "training";
        return pickle(
                "c__torch__\nScript\n" // GLOBAL: the class
                        + ")\u0081" // of no arguments: NEWOBJ
                        + "}X" + (char) name.length() + "\0\0\0" + name + "\u0089s" // {"training": False}
                        + "b"); // BUILD: its state
    }

    private static byte[] pickle(String body) {
        return ("\u0080\u0002" + body + ".").getBytes(StandardCharsets.ISO_8859_1);
    }

    /** Stores an entry uncompressed: the reader maps entries into memory. */
    private static void store(ZipOutputStream zip, String name, byte[] content) throws IOException {
        CRC32 crc = new CRC32();
        crc.update(content);
        ZipEntry entry = new ZipEntry("script/" + name);
        entry.setMethod(ZipEntry.STORED);
        entry.setSize(content.length);
        entry.setCrc(crc.getValue());
        entry.setTime(0);
        zip.putNextEntry(entry);
        zip.write(content);
        zip.closeEntry();
    }
}
