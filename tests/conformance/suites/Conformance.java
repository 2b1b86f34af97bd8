import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.math.BigDecimal;
import java.security.MessageDigest;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TimeZone;
import net.snowflake.client.api.connection.SnowflakeConnection;
import net.snowflake.client.api.resultset.SnowflakeResultSet;
import net.snowflake.client.api.statement.SnowflakeStatement;

/** The suite for the JDBC driver. One JSON line per case. */
public final class Conformance {
  private static final ObjectMapper JSON = new ObjectMapper();

  private interface Case {
    Map<String, Object> run() throws Exception;
  }

  private final Map<String, String> cases = new LinkedHashMap<>();
  private Connection connection;

  public static void main(String[] arguments) throws Exception {
    TimeZone.setDefault(TimeZone.getTimeZone("UTC"));
    new Conformance(new File(arguments[0])).runAll();
    System.out.flush();
    // The driver keeps threads that would hold up the exit.
    Runtime.getRuntime().halt(0);
  }

  private Conformance(File file) throws Exception {
    String table = environment("CONFORMANCE_TABLE", "conformance");
    JSON.readTree(file)
        .fields()
        .forEachRemaining(e -> cases.put(e.getKey(), e.getValue().asText().replace("{table}", table)));
  }

  private void runAll() {
    report("connect", this::connect);
    for (String name : List.of("scalars", "nulls", "unicode", "seed", "empty", "context", "show", "protected")) {
      report(name, () -> query(name));
    }
    report("large", this::large);
    report("dml", this::dml);
    report("missing_table", () -> query("missing_table"));
    report("syntax_error", () -> query("syntax_error"));
    report("binds", this::binds);
    report("array_bind", this::arrayBind);
    report("multi_statement", this::multiStatement);
    report("async_fetch", this::asyncFetch);
    report("cancel", this::cancel);
    report("timeout", this::timeout);
    report("long_running", () -> query("long_running"));
    report("describe", this::describe);
    report("session_parameters", this::sessionParameters);
    report("transaction", this::transaction);
    report("close", this::afterClose);
  }

  private Map<String, Object> connect() throws SQLException {
    Properties properties = new Properties();
    properties.put("user", System.getenv("CONFORMANCE_USER"));
    properties.put("password", System.getenv("CONFORMANCE_PASSWORD"));
    properties.put("db", "DEMO");
    properties.put("schema", "PUBLIC");
    properties.put("tracing", "OFF");
    String account = environment("CONFORMANCE_ACCOUNT", "testorg-testacct");
    connection =
        DriverManager.getConnection("jdbc:snowflake://" + account + ".snowflakecomputing.com/", properties);
    return new LinkedHashMap<>();
  }

  private Map<String, Object> query(String name) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet found = statement.executeQuery(cases.get(name))) {
      return result(found);
    }
  }

  private Map<String, Object> large() throws Exception {
    Map<String, Object> line = query("large");
    List<?> rows = (List<?>) line.get("rows");
    byte[] hash = MessageDigest.getInstance("SHA-256").digest(JSON.writeValueAsBytes(rows));
    line.put("rows", List.of(rows.size(), rows.get(0), rows.get(rows.size() - 1), HexFormat.of().formatHex(hash)));
    return line;
  }

  private Map<String, Object> dml() throws SQLException {
    List<Object> counts = new ArrayList<>();
    for (String name : List.of("create", "insert", "update", "delete")) {
      counts.add(List.of(name, update(name)));
    }
    Map<String, Object> line = query("read_back");
    line.put("counts", counts);
    return line;
  }

  private Map<String, Object> binds() throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(cases.get("binds"))) {
      statement.setInt(1, 7);
      statement.setString(2, "text ☕");
      statement.setBigDecimal(3, new BigDecimal("12"));
      try (ResultSet found = statement.executeQuery()) {
        return result(found);
      }
    }
  }

  private Map<String, Object> arrayBind() throws SQLException {
    List<Integer> counts = new ArrayList<>();
    try (PreparedStatement statement = connection.prepareStatement(cases.get("array_bind"))) {
      for (int place = 0; place < 3; place++) {
        statement.setInt(1, 100 + place);
        statement.setString(2, place == 2 ? null : "x" + place);
        statement.addBatch();
      }
      for (int count : statement.executeBatch()) {
        counts.add(count);
      }
    }
    Map<String, Object> line = query("read_back");
    line.put("inserted", counts);
    return line;
  }

  private Map<String, Object> multiStatement() throws SQLException {
    List<Object> results = new ArrayList<>();
    try (Statement statement = connection.createStatement()) {
      statement.unwrap(SnowflakeStatement.class).setParameter("MULTI_STATEMENT_COUNT", 2);
      boolean rows = statement.execute(cases.get("multi_statement"));
      while (rows) {
        try (ResultSet found = statement.getResultSet()) {
          results.add(result(found).get("rows"));
        }
        rows = statement.getMoreResults();
      }
    }
    return line("rows", results);
  }

  private Map<String, Object> asyncFetch() throws SQLException {
    try (Statement statement = connection.createStatement()) {
      ResultSet pending = statement.unwrap(SnowflakeStatement.class).executeAsyncQuery(cases.get("async"));
      String id = pending.unwrap(SnowflakeResultSet.class).getQueryID();
      try (ResultSet found = connection.unwrap(SnowflakeConnection.class).createResultSet(id)) {
        return result(found);
      }
    }
  }

  private Map<String, Object> cancel() throws Exception {
    try (Statement statement = connection.createStatement()) {
      Thread canceller =
          new Thread(
              () -> {
                try {
                  Thread.sleep(2000);
                  statement.cancel();
                } catch (InterruptedException | SQLException error) {
                  throw new IllegalStateException(error);
                }
              });
      canceller.start();
      try (ResultSet found = statement.executeQuery(cases.get("wait_long"))) {
        return result(found);
      } finally {
        canceller.join();
      }
    }
  }

  private Map<String, Object> timeout() throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.setQueryTimeout(2);
      try (ResultSet found = statement.executeQuery(cases.get("wait_long"))) {
        return result(found);
      }
    }
  }

  private Map<String, Object> describe() throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(cases.get("describe"))) {
      return line("types", types(statement.getMetaData()));
    }
  }

  private Map<String, Object> sessionParameters() throws SQLException {
    return line("counts", List.of(update("set_parameter"), update("unset_parameter")));
  }

  private Map<String, Object> transaction() throws SQLException {
    List<Object> seen = new ArrayList<>();
    for (String end : List.of("rollback", "commit")) {
      for (String name : List.of("begin", "insert_one", end)) {
        update(name);
      }
      seen.add(List.of(end, query("count").get("rows")));
    }
    return line("rows", seen);
  }

  private Map<String, Object> afterClose() throws SQLException {
    connection.close();
    return query("one");
  }

  private int update(String name) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(cases.get(name));
      return statement.getUpdateCount();
    }
  }

  private static Map<String, Object> result(ResultSet found) throws SQLException {
    ResultSetMetaData columns = found.getMetaData();
    List<List<String>> rows = new ArrayList<>();
    while (found.next()) {
      List<String> row = new ArrayList<>();
      for (int place = 1; place <= columns.getColumnCount(); place++) {
        row.add(cell(found.getObject(place)));
      }
      rows.add(row);
    }
    Map<String, Object> line = line("rows", rows);
    line.put("types", types(columns));
    return line;
  }

  private static List<Object> types(ResultSetMetaData columns) throws SQLException {
    List<Object> types = new ArrayList<>();
    for (int place = 1; place <= columns.getColumnCount(); place++) {
      types.add(
          List.of(
              columns.getColumnName(place),
              columns.getColumnTypeName(place),
              columns.getPrecision(place),
              columns.getScale(place),
              columns.isNullable(place)));
    }
    return types;
  }

  private static String cell(Object value) {
    if (value == null) {
      return null;
    }
    if (value instanceof byte[] bytes) {
      return "bytes:" + HexFormat.of().formatHex(bytes);
    }
    return value.getClass().getSimpleName() + ":" + value;
  }

  private static Map<String, Object> line(String key, Object value) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put(key, value);
    return line;
  }

  private static void report(String name, Case run) {
    String only = environment("CONFORMANCE_ONLY", "");
    if (!only.isEmpty() && !name.equals("connect") && !name.equals(only)) {
      return;
    }
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("case", name);
    try {
      Map<String, Object> found = run.run();
      line.put("ok", true);
      line.putAll(found);
    } catch (Exception | LinkageError error) {
      Map<String, Object> details = new LinkedHashMap<>();
      details.put("type", error.getClass().getSimpleName());
      details.put("code", error instanceof SQLException sql ? sql.getErrorCode() : null);
      details.put("sqlstate", error instanceof SQLException sql ? sql.getSQLState() : null);
      details.put("message", error.getMessage());
      line.put("ok", false);
      line.put("error", details);
    }
    try {
      System.out.println(JSON.writeValueAsString(line));
    } catch (Exception error) {
      throw new IllegalStateException(error);
    }
  }

  private static String environment(String name, String otherwise) {
    String value = System.getenv(name);
    return value == null ? otherwise : value;
  }
}
