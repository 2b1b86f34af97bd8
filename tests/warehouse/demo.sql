create table people (id int, name varchar, email varchar, ssn varchar, born date, city varchar);
insert into people values
  (1, 'Ada Lovelace', 'ada@example.com', '078-05-1120', '1985-12-10', 'London'),
  (2, 'Grace Hopper', 'grace@example.com', '219-09-9999', '1986-12-09', 'New York'),
  (3, 'Edsger Dijkstra', 'edsger@example.com', '457-55-5462', '1980-05-11', 'Rotterdam'),
  (4, 'Barbara Liskov', 'barbara@example.com', '362-47-8811', '1989-11-07', 'Los Angeles'),
  (5, 'Zoë Åström', 'zoe@example.com', null, '1992-02-29', 'Malmö');
create table cards (id int, person_id int, number varchar, expires date, credit_limit number(12,2));
insert into cards values
  (1, 1, '4111111111111111', '2029-01-31', 5000.00),
  (2, 2, '5500005555555559', '2028-06-30', 12500.50),
  (3, 3, '340000000000009', '2027-12-31', 750.25),
  (4, 5, '4012888888881881', '2030-03-31', 0.00);
create table orders (id int, person_id int, placed timestamp_ntz, amount number(12,2), paid boolean, note varchar);
insert into orders values
  (1, 1, '2026-01-05 09:30:00', 19.99, true, 'first'),
  (2, 1, '2026-02-11 17:45:30.250', 250.00, true, null),
  (3, 2, '2026-02-12 08:00:00', 1024.64, false, 'waits for a card'),
  (4, 3, '2026-03-01 23:59:59', 5.50, true, 'crème brûlée ☕'),
  (5, 4, '2026-03-02 00:00:00', 77.00, false, 'line one
line two');
