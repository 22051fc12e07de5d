// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;

/** `flyway migrate`, configured by the variables FLYWAY_* alone. Parts of Flyway's own command line are on no Maven server. */
public final class Migrate {
    private Migrate() {
    }

    public static void main(String[] arguments) {
        if (arguments.length != 1 || !"migrate".equals(arguments[0])) {
            System.err.println("flyway: this image knows migrate alone");
            System.exit(2);
        }
        try {
            Flyway.configure().envVars().load().migrate();
        } catch (FlywayException failure) {
            System.err.println("ERROR: " + failure.getMessage());
            System.exit(1);
        }
    }
}
