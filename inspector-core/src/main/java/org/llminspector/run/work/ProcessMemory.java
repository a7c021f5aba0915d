package org.llminspector.run.work;

import java.lang.management.ManagementFactory;
import java.lang.management.MemoryMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.llminspector.base.Reads;

/**
 * Memory of this process as reported by the operating system and the JVM.
 *
 * @param residentBytes pages that are the process's own (Linux: RssAnon); null where unknown
 * @param mappedBytes pages of files in memory (Linux: RssFile); null likewise
 * @param heapUsed bytes of live and dead objects in the Java heap
 * @param heapCommitted bytes committed to the Java heap
 * @param heapMax maximum of the Java heap
 * @param codeBytes bytes of classes and compiled code, outside the heap
 * @param threads live threads of the JVM
 */
public record ProcessMemory(
        Long residentBytes,
        Long mappedBytes,
        long heapUsed,
        long heapCommitted,
        long heapMax,
        long codeBytes,
        int threads) {

    private static final Path STATUS = Path.of("/proc/self/status");

    /** Current values. */
    public static ProcessMemory now() {
        MemoryMXBean memory = ManagementFactory.getMemoryMXBean();
        List<String> status = status();
        return new ProcessMemory(
                kilobytes(status, "RssAnon:"),
                kilobytes(status, "RssFile:"),
                memory.getHeapMemoryUsage().getUsed(),
                memory.getHeapMemoryUsage().getCommitted(),
                memory.getHeapMemoryUsage().getMax(),
                memory.getNonHeapMemoryUsage().getCommitted(),
                ManagementFactory.getThreadMXBean().getThreadCount());
    }

    private static List<String> status() {
        return Files.exists(STATUS) ? Reads.lines(STATUS, Reads.SMALL) : List.of();
    }

    private static Long kilobytes(List<String> status, String name) {
        return status.stream()
                .filter(line -> line.startsWith(name))
                .map(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) << 10)
                .findFirst()
                .orElse(null);
    }
}
