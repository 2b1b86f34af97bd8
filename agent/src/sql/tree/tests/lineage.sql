-- none
select 1, 'x', current_date, current_user();
-- none
select id, name from people;
-- 1
select ssn from people;
-- 2 3
select id, ssn, email from people p;
-- 1
select p.ssn from people p;
-- 1
select people.ssn from people;
-- 1
select s.people.ssn from people;
-- 1
select d.s.people.ssn from d.s.people;
-- 1
select "SSN" from people;
-- 3 4
select * from people;
-- 3 4
select p.* from people p;
-- 3 4
select people.* from d.s.people;
-- 3 4
select all * from people;
-- 1
select distinct ssn from people;
-- 3
select * exclude email from people;
-- 2 3
select * exclude (id) from people;
-- 3
select * exclude (ssn) from people;
-- none
select * exclude (ssn, email) from people;
-- 2 3 4
select * replace (ssn as name) from people;
-- 4
select * replace ('x' as ssn) from people;
-- 3 4
select * rename (ssn as harmless) from people;
-- 3
select * exclude email rename (ssn as id2) from people;
-- 1
select * ilike '%s%n%' from people;
-- none
select * ilike 'i_' from people;
-- 3 4 6
select p.*, o.card from people p join orders o on o.person_id = p.id;
-- 3 4 9
select * from people, orders;
-- 1 ~2
select ssn as name, name as ssn from people;
-- 2
select name as b, ssn as a from people;
-- 1
select substr(ssn, 1, 1) from people;
-- 1
select left(ssn, 3) || right(ssn, 4) from people;
-- 1
select md5(ssn) from people;
-- 1
select replace(ssn, '-', '') from people;
-- 1
select upper(trim(both ' ' from ssn)) from people;
-- 1
select position('1' in ssn) from people;
-- 1
select ssn::int + 1 from people;
-- 1
select try_cast(ssn as int) from people;
-- 1
select ssn like '1%' from people;
-- 1
select ssn in ('1', '2') from people;
-- 1
select '1' in (select ssn from people);
-- 1
select ssn between '1' and '2' from people;
-- 1
select ssn is null from people;
-- 1
select case when ssn like '1%' then 1 else 0 end from people;
-- 1
select case ssn when '1' then 'a' end from people;
-- 1
select iff(ssn > '5', 'high', 'low') from people;
-- 1
select decode(name, 'x', ssn, 'y') from people;
-- 1
select nvl(null, ssn), 1 from people;
-- 1
select coalesce(name, ssn) from people;
-- 1
select greatest(name, ssn) from people;
-- 1
select [name, ssn] from people;
-- 1
select [ssn][0] from people;
-- 1
select {'a': name, 'b': ssn} from people;
-- 1 2
select object_construct('n', name, 's', ssn) as o, o:s::string from people;
-- 1
select object_construct(*) from people;
-- 1
select object_construct(p.*) from people p;
-- 1
select array_construct(name, ssn)[1] from people;
-- 1
select array_agg(ssn) from people;
-- 1
select array_agg(object_construct(*)) from people;
-- 1
select hash(*) from people;
-- 1
select hash_agg(*) from people;
-- 1
select listagg(ssn, ',') within group (order by id) from people;
-- 1
select listagg(name, ',') within group (order by ssn) from people;
-- 1 2
select min(ssn), max(email) from people;
-- 1 2
select max_by(ssn, id), min_by(name, ssn) from people;
-- 1
select any_value(ssn) from people group by name;
-- none
select count(*) from people;
-- none
select count(*), count(1), count(id) from people;
-- 1
select count(ssn) from people;
-- 1
select count(distinct ssn) from people;
-- 1
select count_if(ssn = '1') from people;
-- 1
select approx_top_k(ssn, 3) from people;
-- 1
select mode(ssn) from people;
-- 1
select percentile_cont(0.5) within group (order by ssn::int) from people;
-- 2
select id, lag(ssn) over (order by id) from people;
-- 2
select id, row_number() over (partition by name order by ssn) from people;
-- 2
select id, rank() over (order by ssn) from people;
-- none
select id, row_number() over (partition by name order by id rows between 1 preceding and current row) from people;
-- 1
select first_value(ssn) over (order by id rows between unbounded preceding and current row) from people;
-- 1
select nth_value(ssn, 2) over (partition by id order by id) from people;
-- 1
select ssn from people qualify row_number() over (order by id) = 1;
-- none
select id from people qualify row_number() over (order by ssn) = 1;
-- 1
select s from (select ssn as s from people);
-- 2
select a, b from (select name as a, ssn as b from people) x;
-- 1
select x.b from (select name as a, ssn as b from people) x;
-- 2
select * from (select name, ssn from people);
-- 1
select "MAX(SSN)" from (select max(ssn) from people);
-- 1
select $1 from (select ssn, name from people);
-- 2
select $1, $2 from (select name, ssn from people);
-- 1
select t.$3 from people t;
-- 1
select $3 from people;
-- 1
select a from (select ssn, name from people) as x (a, b);
-- 2
select b, a from (select ssn, name from people) as x (a, b);
-- none
select $1, $2 from values (1, 'x'), (2, 'y');
-- none
select column1 from values (1);
-- 1
select a from (values ((select max(ssn) from people))) as v (a);
-- 1
with c as (select ssn from people) select ssn from c;
-- 1
with c as (select ssn as x from people) select x from c;
-- 1 2
with c (a, b) as (select ssn, email from people) select b, a from c;
-- 1
with people as (select ssn as name from people) select name from people;
-- none
with people as (select 1 as ssn) select ssn from people;
-- 2
with people as (select 1 as ssn) select people.ssn, p.ssn from people, d.s.people p;
-- 1
with c as (select id from people) select ssn from (with c as (select ssn from people) select * from c);
-- none
with c as (select ssn from people) select * from (with c as (select id from people) select * from c);
-- 1
with a as (select ssn from people), b as (select * from a), c as (select * from b) select * from c;
-- 2
with a as (select * from people), b as (select id, ssn from a) select * from b;
-- 1
with cities as (select ssn as city from people) select city from cities;
-- none
with cities as (select ssn as city from people) select city from s.cities;
-- 2
with recursive r as (select id, ssn from tree where parent is null union all select t.id, t.ssn from tree t join r on t.parent = r.id) select * from r;
-- 2
with r (a, b) as (select id, name from tree union all select t.id, t.ssn from tree t join r on t.parent = r.a) select a, b from r;
-- 1 2
with recursive r as (select id as a, ssn as b from tree union all select b, a from r) select a, b from r;
-- none
with recursive n as (select 1 as i union all select i + 1 from n where i < 10) select i from n;
-- 1 2 3
with recursive r as (select ssn as a, name as b, name as c from tree union all select c, a, b from r) select a, b, c from r;
-- 1
select ssn from people union all select name from people;
-- 1
select name from people union select ssn from people;
-- 2
select name, id from people union all select name, ssn from people;
-- 1
select name from people minus select ssn from people;
-- 1
select name from people intersect select ssn from people;
-- 1
select name from people except select ssn from people;
-- 2
select id, name from people union all by name select ssn as name, id from people;
-- 1
select ssn as name, id from people union by name select id, name from people;
-- 1 ~2
select ssn as a, a as b from people;
-- 1 2
select upper(ssn) as ssn, ssn as b from people;
-- 1 2 3
select ssn as a, a || 'x' as b, b || 'y' as c from people;
-- 1 2
select c || 'x' as b, ssn as c from people;
-- 2
select id as name, ssn as id2 from people where id2 is not null;
-- 2
select name, (select max(ssn) from people) from cities join people on true;
-- 1
select (select ssn from people where id = 1);
-- 1
select exists (select 1 from people where ssn = '1');
-- 1
select (select count(*) from people where ssn like '1%');
-- 2
select c.city, (select max(p.ssn) from people p where p.id = c.id) from cities c;
-- 2
select id, (select listagg(x) from (select ssn as x from people)) from cities;
-- 1
select (select t.ssn) from people t;
-- 2
select c.id, (select max(c2.id + length(p.ssn)) from cities c2) from cities c join people p on p.id = c.id;
-- none
select id from people where ssn = '1';
-- none
select id from people order by ssn limit 1;
-- none
select name from people group by name having max(ssn) > '1';
-- none
select id from cities where exists (select 1 from people where ssn = '1');
-- none
select id from cities order by (select max(ssn) from people) limit (select count(*) from people);
-- 1
select payload:a.b from events;
-- 1
select payload['a'][0]:b::string from events;
-- 1
select e.payload:a from events e;
-- 1
select get_path(payload, 'a.b') from events;
-- 1
select xmlget(payload, 'a') from events;
-- 1 2 3 4 5 6
select f.* from events, lateral flatten(input => payload) f;
-- 2 3
select events.id, f.value, f.value:x::string from events, lateral flatten(input => events.payload, outer => true) f;
-- 2
select e.id, value from events e, table(flatten(e.payload:items)) f;
-- 1
select value from table(flatten(input => (select array_agg(ssn) from people)));
-- 1
select f.key from people p, lateral flatten(input => object_construct(p.*)) f;
-- 1
select s.value from people, lateral split_to_table(ssn, '-') s;
-- 1
select s.value from people, table(strtok_split_to_table(people.ssn, '-')) s;
-- none
select f.value from table(flatten(input => parse_json('[1,2]'))) f;
-- none
select seq4(), uniform(1, 10, random()) from table(generator(rowcount => 10));
-- 1
select x.s from people p, lateral (select p.ssn as s) x;
-- 2
select c.id, x.s from cities c left join lateral (select p.ssn as s from people p where p.id = c.id) x;
-- 1
select transform([ssn], x -> x || 'y') from people;
-- 1
select filter([name], x -> x = ssn) from people;
-- 1
select reduce([1], '', (a, x) -> a || ssn) from people;
-- none
select transform([1, 2], x -> x + 1) from people;
-- 2
select region, q1 from (select region, quarter, ssn as amount from sales join people on true) pivot (max(amount) for quarter in ('Q1' as q1)) as p;
-- none
select * from sales pivot (sum(amount) for quarter in ('Q1', 'Q2')) as p;
-- 3 4
select * from (select id, name, ssn, born from people) pivot (max(ssn) for name in ('a', 'b')) p;
-- all
select * from people pivot (max(ssn) for name in (any)) p;
-- all
select * from (select ssn, name, id from people) pivot (count(id) for ssn in (any order by ssn)) p;
-- all
select * from people pivot (max(id) for ssn in (select distinct ssn from people)) p;
-- 4
select * from (select id, name, ssn, born from people) unpivot (v for n in (name, ssn));
-- 1
select v from people unpivot (v for n in (name, ssn));
-- none
select n from people unpivot (v for n in (name, ssn));
-- all
select * from people match_recognize (partition by id order by born measures last(ssn) as s one row per match pattern (a b+) define b as b.ssn > '1');
-- 2
select t.id, o.card from people t asof join orders o match_condition (t.born >= o.placed) on t.id = o.person_id;
-- 1
select ssn from people sample (10);
-- 1
select ssn from people tablesample bernoulli (10) seed (1);
-- 1
select ssn from people at (offset => -60);
-- 1
select ssn from people before (statement => '01b2c3d4-0000-1111-0000-00000000000a') p;
-- 1
select ssn from people changes (information => default) at (offset => -60);
-- 1
select connect_by_root ssn from tree start with parent is null connect by prior id = parent;
-- 1
select prior ssn from tree start with parent is null connect by prior id = parent;
-- 1
select sys_connect_by_path(ssn, '/') from tree connect by prior id = parent;
-- none
select level, id from tree connect by prior id = parent;
-- 3
select id, person_id, card from people join orders using (id);
-- 3 4 8
select * from people join orders using (id);
-- 3 4 8
select * from people natural join orders;
-- 1
select ssn from (people join orders on people.id = orders.person_id);
-- 4 5
select o.id, p.* from orders o join (people p join cities c on c.id = p.id) on o.person_id = p.id;
-- 1
select code from codes;
-- 2
select * from codes;
-- 2
select * from codes2;
-- 2
select * from codes3;
-- 1
select b from codes3 c;
-- none
select id, name from safe;
-- none
select id from filtered;
-- 1
select x from loop1;
-- 1
select x from broken;
-- 1 2
select x, y from stale;
-- 1
select x from called;
-- all
select * from mystery;
-- all
select *, 1 from people, mystery;
-- 1
select object_construct(*) from mystery;
-- 1
select nothing_has_this from people;
-- all
select $1 from mystery;
-- all
select $1, t.$2 from @stage/path/x.csv t;
-- all
select * from @~;
-- 1
select my_function(id) from people;
-- 1
select other.schema.my_function(1) from people;
-- 1
select ai_complete('m', ssn) from people;
-- none
select ai_complete('m', 'hello') from people;
-- 1
select snowflake.cortex.summarize(ssn) from people;
-- 1
select $read;
-- none
select $name;
-- 1
select getvariable('READ');
-- 3 4
select * from identifier('d.s.people');
-- 3 4
select * from identifier($name);
-- 3 4
select * from table($name);
-- 3 4
select * from table('people');
-- all
select * from identifier($read);
-- all
select * from table($read);
-- 1
select identifier('ssn') from people;
-- 1
select identifier($read) from people;
-- 1
select * from table(result_scan('01b2c3d4-0000-1111-0000-00000000000a'));
-- 1
select $1, "NAME" from table(result_scan(last_query_id()));
-- 2
select name, code from table(result_scan(last_query_id(-1))) r;
-- all
select * from table(result_scan('01b2c3d4-0000-1111-0000-00000000000b'));
-- all
select * from table(result_scan(last_query_id(-2)));
-- all
select * from table(my_procedure());
-- all
select * from table(information_schema.query_history());
-- none
select city from regions;
-- none
select dateadd(day, 1, born), date_trunc(month, born), datediff('day', born, current_date) from people;
-- 1
select date_part(year, ssn::date) from people;
-- 1
select extract(year from ssn::date) from people;
-- none
select last_day(born, year) from people;
-- none
select metadata$filename from cities;
-- 1
select p from people p;
-- 2
select id, ssn collate 'en' from people;
-- 1
select top 5 ssn from people;
-- 1
select ssn from people fetch first 5 rows only;
-- none
select seq.nextval from cities;
-- 1
select ssn as total from people group by total;
-- 1
select encrypt(ssn, 'x') from people;
-- 1
select to_json(object_construct('a', ssn)) from people;
-- 1
select typeof(ssn::variant) from people;
-- 1
select system$typeof(ssn) from people;
-- 1
select regexp_replace(ssn, '\\d', 'x') from people;
-- 1
select regexp_substr(email, '@.*') from people;
-- 1
select split(ssn, '-')[0] from people;
-- 1
select ssn at time zone 'UTC' from people;
-- 1
select convert_timezone('UTC', ssn) from people;
-- 1
select equal_null(ssn, '1') from people;
-- 1
select nullif('1', ssn) from people;
-- 1
select not ssn = '1' from people;
-- 1
select (((ssn))) from people;
-- none
with unused as (select ssn from people) select id from cities;
-- none
select c.id from cities c join people p on p.ssn = c.city;
-- 1
select t.$1:a.b::string from (select payload from events) t;
-- 2
select * from shown;
-- 1
select b from shown where a = 1;
-- 1 2
select $1, $3 from people, cities;
-- 1
select transform([ssn], cities -> cities.city) from people, cities;
-- 1
select :x;
-- none
select :1, ?;
-- 1
select ssn as a from people order by a;
-- none
select name as ssn from people;
-- 1
select ssn from (select name as ssn, ssn as x from people) y join people using (ssn);
-- 1
select a.ssn from people a, people b;
-- 1
select "a" from (select ssn as "a", name as a from people);
-- none
select a from (select ssn as "a", name as a from people);
-- none
select p.name from people p where p.id in (select person_id from orders where card is not null);
-- all
select cities.*, mystery.* from cities, mystery;
-- none
select cities.* from cities, mystery;
-- 1
select ssn from people for update;
-- 1
select any_value(ssn) from values (1) v, people;
-- 1
select (select $1 from (select ssn from people));
-- 2
select id, object_insert({}, 'k', ssn) from people;
-- 2
select k, v from (select id as k, ssn as v from people union all select id, name from people);
-- none
select k from (select id as k, ssn as v from people union all select id, name from people);
-- 1
select x from (select * from (select * from (select ssn as x from people)));
-- 1
select array_to_string(array_agg(ssn) within group (order by id), ',') from people;
-- 1
select ai_classify(email, ['a', 'b']) from people;
-- none
select sum(total) over (partition by person_id order by placed) from orders;
-- none
select date_trunc('month', placed) as m, sum(total) from orders group by m order by m limit 10;
-- none
with m as (select person_id, sum(total) as s from orders group by 1) select p.name, m.s from m join people p on p.id = m.person_id where m.s > 10;
