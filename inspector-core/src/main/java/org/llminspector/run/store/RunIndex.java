package org.llminspector.run.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * SQLite index of a store's runs, for speed only: the folders are authoritative.
 *
 * <p>The file is {@code .index-SCHEMA-GENERATION.sqlite}. A rebuilt index is a new generation and never reuses a file
 * name: SQLite removes its write-ahead log by name, so a process with the old file open would remove the new one's. Not
 * thread-safe; {@link RunList} serializes access.
 */
final class RunIndex implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(RunIndex.class);

    /** Increased when the table changes. */
    static final int SCHEMA = 2;

    private static final Pattern FILE =
            Pattern.compile("\\.index-([0-9]{1,6})-([0-9]{1,9})\\.sqlite(-wal|-shm|-journal)?");

    private static final String CREATE = """
            CREATE TABLE runs (
              id TEXT PRIMARY KEY, created TEXT NOT NULL, name TEXT, model TEXT NOT NULL, engine TEXT NOT NULL,
              precision TEXT NOT NULL, device TEXT NOT NULL, text TEXT, prompt_length INTEGER NOT NULL,
              generated INTEGER NOT NULL, captures INTEGER NOT NULL, bytes INTEGER NOT NULL,
              branch_of TEXT, damaged INTEGER NOT NULL) WITHOUT ROWID""";

    private static final String COLUMNS = "id, created, name, model, engine, precision, device, text, prompt_length,"
            + " generated, captures, bytes, branch_of";

    /** A run and all its descendants by branching. */
    private static final String TREE = "WITH RECURSIVE tree(id) AS (VALUES(?) UNION"
            + " SELECT runs.id FROM runs JOIN tree ON runs.branch_of = tree.id)";

    private final Path file;
    private final Connection connection;
    private final PreparedStatement put;
    private final PreparedStatement remove;
    private final PreparedStatement page;
    private final PreparedStatement branches;
    private final PreparedStatement newest;
    private final PreparedStatement totalBytes;
    private final PreparedStatement oldest;
    private final PreparedStatement ids;

    private RunIndex(Path file, Connection connection) throws SQLException {
        this.file = file;
        this.connection = connection;
        put = connection.prepareStatement("INSERT OR REPLACE INTO runs (" + COLUMNS + ", damaged)"
                + " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
        remove = connection.prepareStatement("DELETE FROM runs WHERE id = ?");
        page = connection.prepareStatement(
                "SELECT " + COLUMNS + " FROM runs WHERE id < ? AND damaged = 0 ORDER BY id DESC LIMIT ?");
        branches = connection.prepareStatement(TREE + " SELECT " + COLUMNS
                + " FROM runs WHERE id IN tree AND id <> ? AND damaged = 0 ORDER BY id LIMIT ?");
        newest = connection.prepareStatement("SELECT max(id) FROM runs");
        totalBytes = connection.prepareStatement("SELECT coalesce(sum(bytes), 0) FROM runs");
        oldest = connection.prepareStatement("SELECT id, bytes FROM runs ORDER BY id");
        ids = connection.prepareStatement("SELECT id, damaged FROM runs");
    }

    /** Opens the newest generation, or starts one. Call under the {@link StoreLock}. */
    static RunIndex open(Path dir) throws IOException, SQLException {
        int generation = generations(dir).stream().max(Integer::compare).orElse(0);
        if (generation > 0) {
            Path file = file(dir, generation);
            try {
                return connect(file, false);
            } catch (SQLException e) {
                if (!rebuildable(e)) throw e;
                LOG.warn("The index of runs is damaged and will be rebuilt: {}: {}", file, e.getMessage());
            }
        }
        return fresh(dir);
    }

    /** Creates an empty index and deletes the older ones. Call under the {@link StoreLock}. */
    static RunIndex fresh(Path dir) throws IOException, SQLException {
        int generation = generations(dir).stream().max(Integer::compare).orElse(0) + 1;
        RunIndex index = connect(file(dir, generation), true);
        for (Path old : files(dir)) {
            Matcher m = FILE.matcher(old.getFileName().toString());
            if (!m.matches()) continue;
            int schema = Integer.parseInt(m.group(1));
            if (schema < SCHEMA || (schema == SCHEMA && Integer.parseInt(m.group(2)) < generation)) {
                Files.deleteIfExists(old);
            }
        }
        return index;
    }

    private static RunIndex connect(Path file, boolean create) throws SQLException {
        SqliteLibrary.keep();
        Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
        try (Statement s = connection.createStatement()) {
            s.execute("PRAGMA busy_timeout = 10000");
            s.execute("PRAGMA journal_mode = WAL");
            s.execute("PRAGMA synchronous = NORMAL");
            if (create) {
                s.execute("BEGIN IMMEDIATE");
                s.execute(CREATE);
                s.execute("PRAGMA user_version = " + SCHEMA);
                s.execute("COMMIT");
            }
            check(s, "PRAGMA user_version", String.valueOf(SCHEMA));
            check(s, "PRAGMA quick_check(1)", "ok");
            return new RunIndex(file, connection);
        } catch (SQLException | RuntimeException e) {
            connection.close();
            throw e;
        }
    }

    private static void check(Statement s, String pragma, String expected) throws SQLException {
        try (ResultSet rs = s.executeQuery(pragma)) {
            String found = rs.next() ? rs.getString(1) : "nothing";
            if (!expected.equals(found)) throw new SQLException(pragma + ": " + found, null, 11);
        }
    }

    private static Path file(Path dir, int generation) {
        return dir.resolve(".index-" + SCHEMA + "-" + generation + ".sqlite");
    }

    private static List<Path> files(Path dir) throws IOException {
        try (Stream<Path> children = Files.list(dir)) {
            return children.filter(p -> FILE.matcher(p.getFileName().toString()).matches())
                    .toList();
        }
    }

    private static List<Integer> generations(Path dir) throws IOException {
        List<Integer> generations = new ArrayList<>();
        for (Path p : files(dir)) {
            Matcher m = FILE.matcher(p.getFileName().toString());
            if (m.matches() && Integer.parseInt(m.group(1)) == SCHEMA) generations.add(Integer.parseInt(m.group(2)));
        }
        return generations;
    }

    /** Whether a rebuilt index would help: not when the database is locked, or disk or memory is full. */
    static boolean rebuildable(SQLException e) {
        int code = e.getErrorCode() & 0xFF;
        boolean passing = code == 5 || code == 6 || code == 7 || code == 9 || code == 13;
        return !passing;
    }

    /** False when another process has rebuilt the index since. */
    boolean current() {
        return Files.exists(file);
    }

    Path file() {
        return file;
    }

    void put(RunSummary run, boolean damaged) throws SQLException {
        put.setString(1, run.id());
        put.setString(2, run.created());
        put.setString(3, run.name());
        put.setString(4, run.model());
        put.setString(5, run.engine());
        put.setString(6, run.precision());
        put.setString(7, run.device());
        put.setString(8, run.text());
        put.setInt(9, run.promptLength());
        put.setInt(10, run.generated());
        put.setInt(11, run.captures());
        put.setLong(12, run.bytes());
        put.setString(13, run.branchOf());
        put.setInt(14, damaged ? 1 : 0);
        put.executeUpdate();
    }

    void remove(String id) throws SQLException {
        remove.setString(1, id);
        remove.executeUpdate();
    }

    /** Readable runs before this id (all when null), newest first. */
    List<RunSummary> page(int limit, String before) throws SQLException {
        page.setString(1, before == null ? "~" : before);
        page.setInt(2, limit);
        return summaries(page);
    }

    /** Readable descendants of a run, oldest first. */
    List<RunSummary> branches(String of, int limit) throws SQLException {
        branches.setString(1, of);
        branches.setString(2, of);
        branches.setInt(3, limit);
        return summaries(branches);
    }

    private static List<RunSummary> summaries(PreparedStatement query) throws SQLException {
        List<RunSummary> runs = new ArrayList<>();
        try (ResultSet rs = query.executeQuery()) {
            while (rs.next()) {
                runs.add(new RunSummary(
                        rs.getString(1),
                        rs.getString(2),
                        rs.getString(3),
                        rs.getString(4),
                        rs.getString(5),
                        rs.getString(6),
                        rs.getString(7),
                        rs.getString(8),
                        rs.getInt(9),
                        rs.getInt(10),
                        rs.getInt(11),
                        rs.getLong(12),
                        rs.getString(13)));
            }
        }
        return runs;
    }

    /** The newest id, or null. */
    String newest() throws SQLException {
        try (ResultSet rs = newest.executeQuery()) {
            return rs.next() ? rs.getString(1) : null;
        }
    }

    long totalBytes() throws SQLException {
        try (ResultSet rs = totalBytes.executeQuery()) {
            return rs.next() ? rs.getLong(1) : 0;
        }
    }

    /** Bytes of every run, damaged ones included, oldest first. */
    SortedMap<String, Long> bytesOldestFirst() throws SQLException {
        SortedMap<String, Long> runs = new TreeMap<>();
        try (ResultSet rs = oldest.executeQuery()) {
            while (rs.next()) runs.put(rs.getString(1), rs.getLong(2));
        }
        return runs;
    }

    /** Every id, and whether its folder was damaged when indexed. */
    Map<String, Boolean> ids() throws SQLException {
        Map<String, Boolean> all = new HashMap<>();
        try (ResultSet rs = ids.executeQuery()) {
            while (rs.next()) all.put(rs.getString(1), rs.getInt(2) != 0);
        }
        return all;
    }

    /** Applies many changes in one transaction. */
    void inTransaction(Changes changes) throws SQLException, IOException {
        connection.setAutoCommit(false);
        try {
            changes.make();
            connection.commit();
        } catch (SQLException | IOException | RuntimeException e) {
            connection.rollback();
            throw e;
        } finally {
            connection.setAutoCommit(true);
        }
    }

    /** Changes to the index. */
    interface Changes {
        void make() throws SQLException, IOException;
    }

    @Override
    public void close() {
        try {
            connection.close();
        } catch (SQLException e) {
            LOG.debug("The index of runs did not close cleanly: {}", file, e);
        }
    }
}
